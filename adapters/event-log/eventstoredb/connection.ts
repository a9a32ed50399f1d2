/**
 * The way to the leader of the store. Everything is asked of the leader, since what a follower says may be out of
 * date; every call has a limit; reads are repeated while the store is away or elects another leader.
 */
import { readFile } from 'node:fs/promises';
import {
  type AllStreamSubscription,
  BACKWARDS,
  END,
  type EventData,
  EventStoreDBClient,
  FORWARDS,
  isCommandError,
  type Position,
  type ReadStreamOptions,
  type ResolvedEvent,
  streamNameFilter,
} from '@eventstore/db-client';
import type { StoreAddress, StoreHost } from './address.ts';
import { EventStoreUnavailable, finalError, isUnknownUser, reasonOf, unknownUser } from './failure.ts';
import { findLeader, NoLeader } from './nodes.ts';
import type { WireEvent } from './wire.ts';

export interface ReadOptions {
  /** A revision, default 0; `end` with `isBackwards`. */
  readonly from?: number | 'end';
  readonly count: number;
  readonly isBackwards?: boolean;
  readonly areLinksFollowed?: boolean;
}

export interface ConnectionOptions {
  readonly address: StoreAddress;
  /** How long a read is repeated, and an append that is never answered, in milliseconds. */
  readonly patienceMs: number;
  readonly connectionName: string;
}

const firstPauseMs = 25;
const maxPauseMs = 500;
const usersKnownAfterMs = 8_000;

/** The client with a way to end its channel, which `dispose` leaves open. */
class Client extends EventStoreDBClient {
  async end(): Promise<void> {
    await this.dispose();
    (await this.getChannel()).close();
  }
}

/** The node took the call and then said nothing. */
class Silence extends Error {}

/** What a stream of the client is to whoever collects it. */
interface Reading {
  on(event: 'data', heard: (one: ResolvedEvent) => void): unknown;
  on(event: 'end', heard: () => void): unknown;
  on(event: 'error', heard: (error: Error & { type?: string }) => void): unknown;
  cancel(): Promise<void>;
}

export class Connection {
  readonly patienceMs: number;
  readonly #options: ConnectionOptions;
  #client: Promise<Client> | undefined;
  #isClosed = false;
  /** Ways out of what is waited for, for the end. */
  readonly #waiting = new Set<(error: Error) => void>();

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.patienceMs = options.patienceMs;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * One try. `moved`: the stream does not end at the expected revision (-1: does not exist).
   * @throws what the client throws: the outcome is not known then.
   */
  append(stream: string, events: readonly WireEvent[], expected: number | 'any'): Promise<'appended' | 'moved'> {
    const { address } = this.#options;
    const expectedRevision = expected === 'any' ? 'any' : expected < 0 ? 'no_stream' : BigInt(expected);
    return this.#ask(async (client) => {
      const result = await client.appendToStream(stream, events as readonly WireEvent[] as EventData[], {
        expectedRevision,
        requiresLeader: true,
        deadline: address.deadlineMs,
        // With credentials in the call the client makes a call of its own for it. Its other way, one call for many
        // appends, has no deadline, and ends the process on an answer that comes after the call was broken off.
        credentials: address.credentials ?? { username: '-', password: '-' },
      });
      return result.success ? 'appended' : 'moved';
    });
  }

  /** Like `append`, for what any node may write at any time and all write alike: until it is answered. */
  appendSurely(stream: string, events: readonly WireEvent[], expected: number | 'any'): Promise<'appended' | 'moved'> {
    return this.patiently(() => this.append(stream, events, expected));
  }

  /** Records of a stream in order, or from its end; none when there is no such stream. */
  read(stream: string, options: ReadOptions): Promise<ResolvedEvent[]> {
    const { from = 0, count, isBackwards = false, areLinksFollowed = false } = options;
    const wanted: ReadStreamOptions = {
      fromRevision: from === 'end' ? END : BigInt(from),
      direction: isBackwards ? BACKWARDS : FORWARDS,
      maxCount: count,
      resolveLinkTos: areLinksFollowed,
      requiresLeader: true,
    };
    return this.patiently(() => this.#ask((client) => this.#collect(client.readStream(stream, wanted))));
  }

  /** Of the last record of a stream, links not followed; -1 when there is none. */
  async lastRevision(stream: string): Promise<number> {
    const [last] = await this.read(stream, { from: 'end', count: 1, isBackwards: true });
    return Number((last?.link ?? last?.event)?.revision ?? -1);
  }

  /** The position of the last record of the whole store, which is never quite empty. */
  async end(patienceMs = this.patienceMs): Promise<Position | 'start'> {
    const wanted = { fromPosition: END, direction: BACKWARDS, maxCount: 1, requiresLeader: true } as const;
    const ask = () => this.#ask((client) => this.#collect(client.readAll(wanted)));
    const [last] = await this.patiently(ask, patienceMs);
    return last?.event?.position ?? 'start';
  }

  /** Records of the streams that begin so, after the position; one try. Whoever subscribes ends it. */
  subscribe(prefix: string, after: Position | 'start', onCheckpoint: (position: Position) => void) {
    return this.#ask(async (client): Promise<AllStreamSubscription> => {
      const filter = streamNameFilter({
        prefixes: [prefix],
        maxSearchWindow: 1_000,
        checkpointInterval: 10,
        checkpointReached: async (_, position) => onCheckpoint(position),
      });
      return client.subscribeToAll({ fromPosition: after, filter, requiresLeader: true });
    });
  }

  /** Tries until it goes well, with growing pauses. @throws EventStoreUnavailable after `patienceMs`, EventStoreRefused */
  async patiently<Result>(attempt: () => Promise<Result>, patienceMs = this.patienceMs): Promise<Result> {
    const until = performance.now() + patienceMs;
    let unknownFrom: number | undefined;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, maxPauseMs)) {
      try {
        return await attempt();
      } catch (error) {
        const refused = finalError(error);
        if (refused) throw refused;
        const now = performance.now();
        if (isUnknownUser(error)) {
          unknownFrom ??= now;
          if (now + pauseMs > Math.min(until, unknownFrom + usersKnownAfterMs)) throw unknownUser(error);
        }
        if (this.#isClosed || now + pauseMs > until) throw this.unavailable(error, patienceMs);
      }
      await this.pause(pauseMs);
    }
  }

  unavailable(error: unknown, patienceMs = this.patienceMs): EventStoreUnavailable {
    const where = this.#options.address.hosts.map(({ host, port }) => `${host}:${port}`).join(', ');
    return new EventStoreUnavailable(
      `EventStoreDB at ${where} did not answer for ${Math.round(patienceMs / 1_000)} s (${reasonOf(error)}): ` +
        'look whether its nodes run, have a leader and room on their disks, and at EVENTSTORE_URL',
      { cause: error },
    );
  }

  /** @throws when the connection is closed meanwhile. */
  pause(ms: number): Promise<void> {
    return this.#untilClosed((resolve) => {
      const timer = setTimeout(resolve, ms);
      return () => clearTimeout(timer);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const end of [...this.#waiting]) end(new ConnectionClosed('the connection to EventStoreDB is closed'));
    const last = this.#client;
    this.#client = undefined;
    await last?.then((client) => client.end()).catch(() => {});
  }

  async #ask<Result>(call: (client: Client) => Promise<Result>): Promise<Result> {
    if (this.#isClosed) throw new ConnectionClosed('the connection to EventStoreDB is closed');
    this.#client ??= this.#connect();
    const asked = this.#client;
    try {
      return await call(await asked);
    } catch (error) {
      // The node may be frozen, gone, or no longer the leader: the next call looks for the way anew. Calls that are
      // under way on the old one have their own limits, so it is ended after the longest of them.
      if (this.#client === asked && isDoubtful(error)) {
        this.#client = undefined;
        const end = () => void asked.then((client) => client.end()).catch(() => {});
        setTimeout(end, 2 * this.#options.address.deadlineMs).unref();
      }
      throw error;
    }
  }

  async #connect(): Promise<Client> {
    const { address, connectionName } = this.#options;
    const ca = address.tls?.caFile === undefined ? undefined : await readFile(address.tls.caFile);
    const node: StoreHost = address.isCluster ? await findLeader(address, ca, 2_000) : address.hosts[0]!;
    return new Client(
      {
        endpoint: { address: node.host, port: node.port },
        throwOnAppendFailure: false,
        keepAliveInterval: address.keepAliveIntervalMs,
        keepAliveTimeout: address.keepAliveTimeoutMs,
        defaultDeadline: address.deadlineMs,
        connectionName,
      },
      address.tls ? { rootCertificate: ca } : { insecure: true },
      address.credentials,
    );
  }

  /** The client gives reads no limit of their own. */
  #collect(reading: Reading): Promise<ResolvedEvent[]> {
    const { deadlineMs } = this.#options.address;
    return this.#untilClosed((resolve, reject) => {
      const found: ResolvedEvent[] = [];
      const timer = setTimeout(() => {
        reject(new Silence(`nothing came for ${deadlineMs} ms`));
        reading.cancel().catch(() => {});
      }, deadlineMs);
      reading.on('data', (one) => {
        found.push(one);
        timer.refresh();
      });
      reading.on('end', () => resolve(found));
      reading.on('error', (error) => (error.type === 'stream-not-found' ? resolve([]) : reject(error)));
      return () => clearTimeout(timer);
    });
  }

  #untilClosed<Result>(
    begin: (resolve: (result: Result) => void, reject: (error: Error) => void) => () => void,
  ): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const end = begin(resolve, reject);
    this.#waiting.add(reject);
    if (this.#isClosed) reject(new ConnectionClosed('the connection to EventStoreDB is closed'));
    return promise.finally(() => {
      end();
      this.#waiting.delete(reject);
    });
  }
}

class ConnectionClosed extends Error {
  override readonly name = 'ConnectionClosed';
}

function isDoubtful(error: unknown): boolean {
  if (error instanceof Silence || error instanceof NoLeader) return true;
  if (!isCommandError(error as Error)) return true;
  return doubtful.has((error as { type: string }).type);
}

const doubtful = new Set(['unavailable', 'deadline-exceeded', 'cancelled', 'timeout', 'unknown']);
