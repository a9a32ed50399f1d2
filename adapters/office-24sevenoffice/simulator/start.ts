import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import fastify from 'fastify';
import { type OfficeUrls, urlsUnder } from '../services.ts';
import { contentTypes } from '../soap.ts';
import { type FaultRequest, Mischief } from './mischief.ts';
import { Quota } from './quota.ts';
import { mountScreen } from './screen.ts';
import { seedDemo } from './seed.ts';
import { Sessions } from './sessions.ts';
import { createSoapServer } from './soap-server.ts';
import { OfficeState, type ShareAccess } from './state.ts';

export interface OfficeSimulatorOptions {
  /** Default 0: any free one. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  readonly nowMs: () => number;
  /** Where the office's records are kept; absent: only in memory. */
  readonly directory?: string;
  /** Whether an office without people gets those of the demo. Default true. */
  readonly demo?: boolean;
  /** Default 7,200; null for none. */
  readonly quotaPerHour?: number | null;
  /** After which a session not used ends. Default 20 minutes. */
  readonly sessionIdleMs?: number;
  /** How long a call that is never answered is held. Default 60,000: longer than any client waits. */
  readonly hangMs?: number;
  /** How long a slow answer takes. Default 3,000. */
  readonly slowMs?: number;
  /** After which the connection of an answer that gets lost is cut. Default 500. */
  readonly loseMs?: number;
  /** 0 to 1, for faults with a rate. Default Math.random. */
  readonly random?: () => number;
}

export interface OfficeSimulator {
  /** Base URL of `_screen` and of both virtual hosts. */
  readonly url: string;
  readonly urls: OfficeUrls;
  addPerson(person: {
    email: string;
    password: string;
    displayName?: string;
    timeZone?: string;
    /** The first is the default one. Absent: tenant 1, shared by all of the demo. */
    clients?: readonly { id: number; name: string; blocked?: boolean }[];
  }): void;
  /** `user1@demo.example` to `user<n>@demo.example`, password `demo`, with nothing in their folders. */
  addEmptyPeople(count: number): void;
  share(calendarOwner: string, withEmail: string, access: ShareAccess): void;
  unshare(calendarOwner: string, withEmail: string): void;
  fault(fault: FaultRequest): void;
  clearFaults(): void;
  /** Ends all sessions, as a restart of the office would. */
  forgetSessions(): void;
  close(): Promise<void>;
}

const bodyLimitBytes = 4 * 1024 * 1024;

/** Starts the simulated office on a loopback port. The calendar, task, contact and note side of it is assumed. */
export async function startOfficeSimulator(options: OfficeSimulatorOptions): Promise<OfficeSimulator> {
  const { nowMs } = options;
  const host = options.host ?? '127.0.0.1';
  const state = await OfficeState.open(options.directory, nowMs);
  if (options.demo !== false && state.people.size === 0) seedDemo(state, nowMs());
  await state.flush();
  const sessions = new Sessions(nowMs, options.sessionIdleMs ?? 20 * 60_000);
  const quota = new Quota(nowMs, options.quotaPerHour === undefined ? 7200 : options.quotaPerHour);
  const mischief = new Mischief(options.random ?? Math.random);
  const soap = createSoapServer({ state, sessions, quota, mischief });
  const closing = new AbortController();
  const waitMs = { slow: options.slowMs ?? 3000, never: options.hangMs ?? 60_000, lose: options.loseMs ?? 500 };
  const pause = async (ms: number) => {
    await delay(ms, undefined, { signal: closing.signal, ref: false }).catch((error: unknown) => {
      if (!closing.signal.aborted) throw error;
    });
  };

  const app = fastify({ bodyLimit: bodyLimitBytes, forceCloseConnections: true, keepAliveTimeout: 30_000 });
  app.addContentTypeParser(/^(?:text\/xml|application\/soap\+xml)/, { parseAs: 'string' }, (_request, body, done) => {
    done(null, body);
  });
  await app.register(async (scope) => mountScreen(scope, { state, mischief, nowMs }));
  app.get('/*', async (request, reply) => {
    const [path = '', query = ''] = request.url.split('?');
    const wsdl = /^wsdl$/i.test(query) ? soap.wsdl(path, `http://${request.host}${path}`) : undefined;
    return wsdl === undefined ? reply.code(404).send() : reply.type('text/xml; charset=utf-8').send(wsdl);
  });
  app.post('/*', async (request, reply) => {
    const [path = ''] = request.url.split('?');
    const action = request.headers.soapaction;
    const answer = await soap.handle({
      path,
      contentType: request.headers['content-type'] ?? '',
      soapAction: typeof action === 'string' ? action : undefined,
      cookie: request.headers.cookie,
      body: typeof request.body === 'string' ? request.body : '',
    });
    if (answer === undefined) return reply.code(404).send();
    if (answer.delay !== undefined) await pause(waitMs[answer.delay]);
    if (answer.delay === 'never' || answer.delay === 'lose') {
      reply.hijack();
      request.raw.socket.destroy();
      return reply;
    }
    return reply.code(answer.status).headers(answer.headers).type(contentTypes[answer.version]).send(answer.body);
  });

  await app.listen({ host, port: options.port ?? 0 });
  const { port } = app.server.address() as AddressInfo;
  const url = `http://${host}:${port}`;
  /** Changes made by calls of ours are written soon; a failure shows at the next flush that is waited for. */
  const settle = () => void state.flush().catch(() => undefined);

  return {
    url,
    urls: urlsUnder(url),
    addPerson(person) {
      state.addPerson(person);
      settle();
    },
    addEmptyPeople(count) {
      for (let number = 1; number <= count; number += 1) {
        const email = `user${number}@demo.example`;
        if (!state.people.has(email)) state.addPerson({ email, password: 'demo', displayName: `User ${number}` });
      }
      settle();
    },
    share(owner, withEmail, access) {
      state.share(owner, withEmail, access);
      settle();
    },
    unshare(owner, withEmail) {
      state.unshare(owner, withEmail);
      settle();
    },
    fault: (fault) => mischief.add(fault),
    clearFaults: () => mischief.clear(),
    forgetSessions: () => sessions.endAll(),
    async close() {
      closing.abort();
      await app.close();
      await state.flush();
    },
  };
}
