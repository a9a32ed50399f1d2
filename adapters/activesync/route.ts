/**
 * `/Microsoft-Server-ActiveSync` (MS-ASHTTP): OPTIONS says what is served, POST carries the commands. Requests of phones
 * come by the thousand and most of them have nothing to say, so little is done for each.
 */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { type Device, type DeviceState, unpaired } from '../../domain/device/state.ts';
import type { AccountId, DeviceKey } from '../../domain/shared/ids.ts';
import { deviceKeyFrom } from '../ids.ts';
import { commandHandlers } from './commands/index.ts';
import type { ActiveSyncDeps } from './deps.ts';
import type { Refused } from './guard/request-guard.ts';
import { type Admission, admit, authenticate, type Turned } from './http/admission.ts';
import { Closings } from './http/closings.ts';
import { type CommandName, servedCommands } from './http/command-names.ts';
import { awayAnswer, failureAnswer } from './http/command-status.ts';
import { turnedAway } from './http/standing-answer.ts';
import { isStateless } from './http/stateless.ts';
import type { CommandAnswer, CommandRequest } from './request.ts';
import { RequestSession, type Session } from './session.ts';
import { ExchangeTrace } from './trace.ts';
import { formatVersion, type ProtocolVersion, protocolVersions } from './version.ts';
import { decodeWbxml } from './wbxml/decode.ts';
import type { Element } from './wbxml/element.ts';
import { formatXml } from './wbxml/format.ts';

export interface RouteOptions {
  /** Bytes of one request body. */
  readonly bodyLimit?: number;
}

export const activesyncPath = '/Microsoft-Server-ActiveSync';
const defaultBodyLimit = 8 * 1024 * 1024;
const greetedAgainMs = 10 * 60_000;

const serverHeader = formatVersion(protocolVersions.at(-1) as ProtocolVersion);
const optionsHeaders = {
  'ms-server-activesync': serverHeader,
  'ms-asprotocolversions': protocolVersions.map(formatVersion).join(','),
  'ms-asprotocolcommands': servedCommands.join(','),
  // Nine speaks 16.1 only to a server that shows this header.
  'x-aspnet-version': '4.0.30319',
  public: 'OPTIONS,POST',
  allow: 'OPTIONS,POST',
  'cache-control': 'private',
};
const emptyHeaders = { 'ms-server-activesync': serverHeader, 'cache-control': 'private' };
const wbxmlHeaders = { ...emptyHeaders, 'content-type': 'application/vnd.ms-sync.wbxml' };
const storeIsAway = 'a device was told to come again: a store cannot be reached';
const statusTexts: Readonly<Record<number, string>> = { 449: 'Retry after sending a PROVISION command' };

export function activesyncRoute(deps: ActiveSyncDeps, options: RouteOptions = {}): FastifyPluginAsync {
  return async (fastify) => {
    const closings = deps.closings ?? new Closings();
    const server = new ActiveSyncServer(deps, closings);
    fastify.removeAllContentTypeParsers();
    fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    fastify.setErrorHandler((error: { statusCode?: number; message: string }, request, reply) => {
      if (deps.isAway?.(error)) {
        deps.log.warn({ requestId: request.id, reason: error.message }, storeIsAway);
        return text(reply, { ...awayAnswer, text: 'Try again later.' });
      }
      const status = error.statusCode ?? 500;
      if (status >= 500) deps.log.error({ err: error, requestId: request.id }, 'a request failed outside of a command');
      return text(reply, { status, text: status < 500 ? error.message : 'Something failed here.' });
    });
    fastify.addHook('preClose', async () => closings.stop());
    addRoutes(fastify, server, options.bodyLimit ?? defaultBodyLimit);
  };
}

function addRoutes(fastify: FastifyInstance, server: ActiveSyncServer, bodyLimit: number): void {
  const anyCase = [...activesyncPath.slice(1)]
    .map((letter) => (letter === '-' ? '-' : `[${letter.toLowerCase()}${letter.toUpperCase()}]`))
    .join('');
  // Where the router itself does not mind the case, one route is all of them.
  const { caseSensitive } = fastify.initialConfig.routerOptions ?? fastify.initialConfig;
  const urls =
    caseSensitive === false ? [activesyncPath] : [activesyncPath, activesyncPath.toLowerCase(), `/:path(^${anyCase}$)`];
  for (const url of urls) {
    fastify.route({
      method: 'POST',
      url,
      bodyLimit,
      // What is logged of a command names its request by itself; a logger for each would be made and held for nothing.
      childLoggerFactory: (logger) => logger,
      onRequest: (request, reply) => server.admit(request, reply),
      handler: (request, reply) => server.serve(request, reply),
    });
    fastify.route({ method: 'OPTIONS', url, handler: (request, reply) => server.options(request, reply) });
    fastify.route({
      method: 'GET',
      url,
      handler: (_request, reply) =>
        text(reply, { status: 405, text: 'Use OPTIONS and POST.', headers: { allow: 'OPTIONS,POST' } }),
    });
  }
}

class ActiveSyncServer {
  readonly #deps: ActiveSyncDeps;
  readonly #closings: Closings;
  readonly #handlers: ReturnType<typeof commandHandlers>;
  readonly #admissions = new WeakMap<FastifyRequest, Admission>();
  readonly #deviceKeys = new LRUCache<string, DeviceKey>({ max: 50_000 });
  /** Devices that said something new of themselves lately. */
  readonly #greeted = new LRUCache<DeviceKey, true>({ max: 10_000, ttl: greetedAgainMs });

  constructor(deps: ActiveSyncDeps, closings: Closings) {
    this.#deps = deps;
    this.#closings = closings;
    this.#handlers = commandHandlers(deps);
  }

  async options(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const person = await authenticate(this.#deps.signIn, request.headers.authorization, request.ip);
    if ('status' in person) return text(reply, person);
    return reply.headers(optionsHeaders).code(200).send();
  }

  /** Before the body is read. */
  async admit(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const person = await authenticate(this.#deps.signIn, request.headers.authorization, request.ip);
    if ('status' in person) return text(reply, person);
    const admission = admit(person, request.raw.url ?? '', request.headers);
    if ('status' in admission) return text(reply, admission);
    if (!isServedType(request.headers['content-type'])) {
      return text(reply, { status: 415, text: 'Bodies are application/vnd.ms-sync.wbxml.' });
    }
    this.#admissions.set(request, admission);
    return undefined;
  }

  /** Nothing here outlives the call but the reply: a parked request must not hold its body. */
  serve(request: FastifyRequest, reply: FastifyReply): void {
    const admission = this.#admissions.get(request) as Admission;
    this.#admissions.delete(request);
    const body = request.body as Buffer | undefined;
    request.body = undefined;
    const session = this.#session(admission, request, body);
    const answer = this.#execute(request, reply, admission, session, body);
    this.#reply(reply, request.id, admission.command, session, answer);
  }

  #reply(
    reply: FastifyReply,
    requestId: string,
    command: CommandName,
    session: Session,
    answer: Promise<CommandAnswer>,
  ): void {
    const done = (given: CommandAnswer): void => {
      this.#send(reply, requestId, given);
      if (session.trace) this.#deps.record?.answered(session, session.trace, given);
    };
    answer.then(done, (error: unknown) => {
      if (this.#deps.isAway?.(error)) {
        this.#deps.log.warn({ requestId, command, reason: (error as Error).message }, storeIsAway);
        return done(awayAnswer);
      }
      this.#deps.log.error({ err: error, requestId, command }, 'a command failed');
      if (session.trace) session.trace.error = error;
      done(failureAnswer(command, session.version, error));
    });
  }

  async #execute(
    request: FastifyRequest,
    reply: FastifyReply,
    admission: Admission,
    session: Session,
    body: Buffer | undefined,
  ): Promise<CommandAnswer> {
    const { command, person, query } = admission;
    const { trace } = session;
    let root: Element | undefined;
    if (body !== undefined && body.length > 0) {
      const decoded = decodeWbxml(body);
      if (!decoded.ok) return { kind: 'http', status: 400 };
      root = decoded.root;
    }
    const { guard } = this.#deps;
    const refused = guard?.ask(session, command, body, root);
    if (refused) return brakedAnswer(session, refused);
    if (root && this.#deps.log.isLevelEnabled('trace')) {
      const xml = formatXml(root, { redact: true });
      this.#deps.log.trace({ requestId: request.id, command, device: session.device, xml }, 'asked');
    }

    const state = isStateless(session) ? unpaired : await this.#deps.devices.device(session.tenant, session.device);
    if (trace) trace.isWatched = this.#isWatched(state);
    const turned = turnedAway(state, admission);
    if (turned) return turned;
    const unwelcome = isStateless(session) ? undefined : guard?.meet(session, state);
    if (unwelcome) return brakedAnswer(session, unwelcome);
    if (!isStateless(session) && this.#isToGreet(session.device, state, admission, request.headers['user-agent'])) {
      const client = clientOf(admission, request.headers['user-agent']);
      const greeting = { type: 'greet', account: person.account.id, deviceId: query.deviceId, client } as const;
      const actor = { kind: 'device', account: session.account, device: session.device } as const;
      await this.#deps.devices.run(session.tenant, session.account, session.device, greeting, actor);
    }
    if (trace && this.#deps.record) trace.position = this.#deps.record.position(session.tenant);
    return this.#run(command, { session, root, onClose: this.#closer(reply, trace) });
  }

  #isWatched(state: DeviceState): boolean {
    if (this.#deps.record?.isWatchingAll) return true;
    const until = state.kind === 'device' ? state.watchedUntil : undefined;
    return until !== undefined && Date.parse(until) > this.#deps.nowMs();
  }

  /** A device whose programs disagree about what they are would otherwise write with every request. */
  #isToGreet(device: DeviceKey, state: DeviceState, admission: Admission, userAgent: string | undefined): boolean {
    if (state.kind !== 'device') return true;
    if (!isNewClient(state, admission, userAgent) || this.#greeted.has(device)) return false;
    this.#greeted.set(device, true);
    return true;
  }

  #run(command: CommandName, request: CommandRequest): Promise<CommandAnswer> {
    return this.#handlers[command](request);
  }

  #closer(reply: FastifyReply, trace: ExchangeTrace | undefined): (end: () => void) => void {
    return (end) => {
      trace?.parked();
      dropHeaders(reply.request.raw);
      this.#closings.on(reply.raw, end);
    };
  }

  #session(
    { person, command, query, version, policyKey }: Admission,
    { headers }: FastifyRequest,
    body: Buffer | undefined,
  ): Session {
    const userAgent = headers['user-agent'];
    const trace =
      this.#deps.record && new ExchangeTrace(command, this.#deps.nowMs(), { query, policyKey, userAgent, body });
    const device = this.#deviceKey(person.account.id, query.deviceId);
    return new RequestSession(person, device, query.deviceId, version, trace);
  }

  /** Deriving an id costs a hash; a phone comes with the same one for years. */
  #deviceKey(account: AccountId, deviceId: string): DeviceKey {
    const name = `${account}/${deviceId}`;
    let key = this.#deviceKeys.get(name);
    if (key === undefined) this.#deviceKeys.set(name, (key = deviceKeyFrom(account, deviceId)));
    return key;
  }

  #send(reply: FastifyReply, requestId: string, answer: CommandAnswer): void {
    if (reply.sent || reply.raw.destroyed) return;
    switch (answer.kind) {
      case 'wbxml':
        if (this.#deps.log.isLevelEnabled('trace')) {
          const decoded = decodeWbxml(answer.body);
          const xml = decoded.ok ? formatXml(decoded.root, { redact: true }) : decoded.reason;
          this.#deps.log.trace({ requestId, xml }, 'answered');
        }
        reply.headers(wbxmlHeaders).send(answer.body);
        return;
      case 'empty':
        reply.headers(emptyHeaders).send();
        return;
      case 'http':
        text(reply, { status: answer.status, text: statusTexts[answer.status] ?? '', ...headersOf(answer) });
    }
  }
}

function brakedAnswer({ trace }: Session, { seconds, throttle }: Refused): CommandAnswer {
  if (trace) trace.isBraked = true;
  return { kind: 'http', status: 503, headers: { 'retry-after': String(seconds), 'x-ms-asthrottle': throttle } };
}

/** Clients differ in what they send with which command, so a paired one is asked with few of them only. */
function isNewClient(state: Device, admission: Admission, userAgent: string | undefined): boolean {
  const { command } = admission;
  if (command !== 'FolderSync' && command !== 'Provision' && command !== 'Settings') return false;
  const client = clientOf(admission, userAgent);
  return (
    client.userAgent !== state.client.userAgent ||
    client.protocolVersion !== state.client.protocolVersion ||
    client.deviceType !== state.client.deviceType
  );
}

const userAgentMax = 256;

function clientOf({ query, version }: Admission, userAgent: string | undefined) {
  return {
    deviceType: query.deviceType,
    userAgent: (userAgent ?? '').slice(0, userAgentMax),
    protocolVersion: formatVersion(version),
  };
}

function isServedType(contentType: string | undefined): boolean {
  return contentType === undefined || contentType.toLowerCase().startsWith('application/vnd.ms-sync');
}

/** A request that waits has been understood: its headers are a tenth of what it holds meanwhile. */
function dropHeaders(request: IncomingMessage): void {
  request.headers = {};
  request.rawHeaders = [];
}

function headersOf({ headers }: CommandAnswer & { kind: 'http' }): Pick<Turned, 'headers'> {
  return headers ? { headers } : {};
}

function text(reply: FastifyReply, { status, text: body, headers }: Turned): FastifyReply {
  const statusText = statusTexts[status];
  if (statusText) reply.raw.statusMessage = statusText;
  if (headers) reply.headers(headers);
  return reply.code(status).header('content-type', 'text/plain; charset=utf-8').send(body);
}
