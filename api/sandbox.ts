/**
 * A sandbox put together: today's program over a past. Of the real log, keys, bodies and read models only functions
 * that read are given to it, so no effect is in its reach.
 */
import { randomBytes } from 'node:crypto';
import { NEVER } from 'rxjs';
import type { ItemClass } from '../adapters/activesync/classes/port.ts';
import { commandHandlers } from '../adapters/activesync/commands/index.ts';
import { syncHandler } from '../adapters/activesync/commands/sync/handle.ts';
import type { Kin } from '../adapters/activesync/conversation/kin.port.ts';
import type {
  ActiveSyncDeps,
  Devices as DevicesOfPhones,
  Folders,
  People,
  SyncDeps,
} from '../adapters/activesync/deps.ts';
import { type CommandName, servedCommand } from '../adapters/activesync/http/command-names.ts';
import { failureAnswer } from '../adapters/activesync/http/command-status.ts';
import { turnedAway } from '../adapters/activesync/http/standing-answer.ts';
import type { CommandAnswer, CommandHandler } from '../adapters/activesync/request.ts';
import { RequestSession } from '../adapters/activesync/session.ts';
import { ExchangeTrace } from '../adapters/activesync/trace.ts';
import { type ProtocolVersion, protocolVersions } from '../adapters/activesync/version.ts';
import { AirSync } from '../adapters/activesync/wbxml/code-pages/index.ts';
import { decodeWbxml } from '../adapters/activesync/wbxml/decode.ts';
import { child, type Element } from '../adapters/activesync/wbxml/element.ts';
import type { BlobStore } from '../adapters/blobs/port.ts';
import type { Clock } from '../adapters/clock.ts';
import { keyRing } from '../adapters/crypto/key-ring.ts';
import { masterKey } from '../adapters/crypto/master-key.ts';
import { memoryKeyTable } from '../adapters/crypto/memory.ts';
import type { KeyRing } from '../adapters/crypto.port.ts';
import type { EventStore, RecordedEvent } from '../adapters/event-log/event-store.port.ts';
import type { Exchange, ExchangeBody } from '../adapters/exchange-record/port.ts';
import { ItemBodies } from '../adapters/items/bodies.ts';
import { rowOpener } from '../adapters/items/open-rows.ts';
import { PastConversations } from '../adapters/past/conversations.ts';
import { PastItems } from '../adapters/past/items.ts';
import { pastRowOpener } from '../adapters/past/open.ts';
import { PastProgress } from '../adapters/past/progress.ts';
import { PastStore, type ReadableStore } from '../adapters/past/store.ts';
import { blobsApart, keysApart } from '../adapters/replay/kept-apart.ts';
import { NotReplayable, type Sandbox, type SandboxRun } from '../adapters/replay/port.ts';
import { recentDeletions } from '../adapters/replay/recent-deletions.ts';
import { WatchedItems } from '../adapters/replay/watched-items.ts';
import type { ItemKind } from '../domain/item/fields.ts';
import { itemStream } from '../domain/shared/streams.ts';
import { instantOf } from '../domain/shared/time.ts';
import type { MassDeleteLimits } from '../domain/sync/held-back.ts';
import type { DevicesReader } from '../projections/devices/read.ts';
import type { ItemLogReader } from '../projections/item-log/read.ts';
import type { PastRows } from '../projections/item-view/past.ts';
import type { ItemView } from '../projections/item-view/read.ts';
import type { SyncView } from '../projections/sync/read.ts';
import { assembleEngine, itemFacts } from './engine.ts';
import { Devices } from './services/devices.ts';
import { Directory } from './services/directory.ts';
import { createFolders } from './services/folders.ts';
import { createKin } from './services/kin.ts';

/** What a sandbox may look at. */
export interface SandboxSources {
  /** Its loads leave long bodies aside. */
  readonly stored: ReadableStore;
  readonly keys: Pick<KeyRing, 'find'>;
  readonly blobs: Pick<BlobStore, 'get'>;
  readonly itemView: Pick<ItemView, 'byItems' | 'locate'>;
  readonly rows: PastRows;
  readonly syncView: Pick<SyncView, 'conversations'>;
  readonly syncKeySecret: Uint8Array;
  readonly classes?: Readonly<Record<ItemKind, ItemClass>>;
  readonly massDeletes?: MassDeleteLimits;
  /** What a device had deleted before counts with what it deletes. */
  readonly itemLog?: Pick<ItemLogReader, 'find'>;
  /** The devices of a person there are now; those of then are among them. */
  readonly devices?: Pick<DevicesReader, 'of'>;
  /** Accounts, devices and folders of a log; those that the server itself uses unless told. */
  readonly peopleOf?: (store: EventStore, clock: Clock) => PeopleOfPast;
}

export interface PeopleOfPast {
  readonly people: People;
  readonly devices: DevicesOfPhones;
  readonly folders: Folders;
  readonly kin?: Kin;
  close(): void;
}

/** For one run, or for several of one device, each going on from the one before. */
export function createSandbox(sources: SandboxSources): Sandbox {
  return new ReplayingSandbox(sources);
}

class ReplayingSandbox implements Sandbox {
  readonly #sources: SandboxSources;
  /** Kept from request to request: it remembers what a device may leave out of the next one. */
  #sync: CommandHandler | undefined;
  #syncDeps: SyncDeps | undefined;
  #remembers = false;
  #nonces = 0;
  #past: PastStore | undefined;
  /** Exchanges whose events in `#past` are those of here. */
  readonly #replaced = new Set<string>();

  constructor(sources: SandboxSources) {
    this.#sources = sources;
  }

  async run(exchange: Exchange, body: ExchangeBody): Promise<SandboxRun> {
    this.#past = undefined;
    this.#replaced.clear();
    return await this.goOn(exchange, body);
  }

  async goOn(exchange: Exchange, body: ExchangeBody): Promise<SandboxRun> {
    const command = servedCommand(exchange.command);
    if (!command) throw new NotReplayable(`This build does not know the command ${exchange.command}.`);
    if (body.request === null) throw new NotReplayable('The request was not kept in full.');
    const version = protocolVersions.find((served) => served === exchange.version);
    if (!version) throw new NotReplayable('This build does not serve the version of the protocol.');
    const nowMs = Date.parse(exchange.at) + exchange.waitedMs;
    const clock: Clock = { nowMs: () => nowMs, instant: () => instantOf(nowMs), after: () => () => {} };
    const past = await this.#pastFor(exchange, clock);
    const before = new Set(past.appended);
    const progress = new PastProgress(past);
    const parts = this.#parts(past, progress, clock, exchange);
    try {
      await this.#remember(parts.deps, exchange);
      const trace = this.#traceOf(exchange, body, command);
      const answer = await this.#answer(parts.deps, exchange, body, command, version, trace);
      this.#replaced.add(exchange.id);
      const events = past.appended.filter((event) => !before.has(event));
      // What was prepared and then held back, or decided anew, was not carried out.
      const made = new Set(events.map(({ stream, meta }) => `${stream} ${meta.commandId}`));
      const carriedOut = parts.items.seen.filter(({ request: { kind, item, commandId } }) =>
        made.has(`${itemStream(kind, item)} ${commandId}`),
      );
      return { answer, trace, events, carriedOut };
    } finally {
      parts.close();
      progress.close();
    }
  }

  /** The guard against mass deletes keeps this in memory. */
  async #remember({ massDeletes }: ActiveSyncDeps, exchange: Exchange): Promise<void> {
    const { itemLog } = this.#sources;
    if (!massDeletes || !itemLog) return;
    const { withinMinutes } = massDeletes.limits;
    for (const { collection, atMs } of await recentDeletions(itemLog, exchange, withinMinutes)) {
      massDeletes.recent.add({ ...exchange, collection }, { removed: 1, blanked: 0 }, atMs);
    }
  }

  async #pastFor({ tenant, position }: Exchange, { instant }: Clock): Promise<PastStore> {
    const isOwn = (event: RecordedEvent) => this.#replaced.has(event.meta.cause?.exchange ?? '');
    if (this.#past) await this.#past.goOn(position, isOwn);
    else this.#past = new PastStore(this.#sources.stored, { tenant, position, now: instant });
    return this.#past;
  }

  async #answer(
    deps: ActiveSyncDeps,
    exchange: Exchange,
    { request, policyKey, query }: ExchangeBody,
    command: CommandName,
    version: ProtocolVersion,
    trace: ExchangeTrace,
  ): Promise<CommandAnswer> {
    let root: Element | undefined;
    if (request && request.length > 0) {
      const decoded = decodeWbxml(request);
      if (!decoded.ok) return { kind: 'http', status: 400 };
      root = decoded.root;
    }
    const { tenant, account, device } = exchange;
    const person = await deps.people.person(tenant, account);
    if (!person) throw new NotReplayable('The account was not there, or was erased since.');
    const session = new RequestSession(person, device, query.deviceId, version, trace);
    const state = await deps.devices.device(tenant, device);
    const turned = turnedAway(state, { command, person, version, policyKey: policyKey ?? undefined });
    if (turned) return turned;
    const handler = this.#handler(deps, command, root);
    try {
      return await handler({ session, root, onClose: closer(command) });
    } catch (error) {
      trace.error = error;
      return failureAnswer(command, version, error);
    }
  }

  #handler(deps: ActiveSyncDeps, command: CommandName, root: Element | undefined): CommandHandler {
    if (command !== 'Sync') return commandHandlers(deps)[command];
    const isPartial = root === undefined || child(root, AirSync.Partial) !== undefined;
    if (isPartial && !this.#remembers) {
      throw new NotReplayable('The request leaves out what the device had said before, and that was not kept.');
    }
    this.#remembers = true;
    this.#syncDeps = deps;
    this.#sync ??= syncHandler(forwarding(() => this.#syncDeps as SyncDeps, deps));
    return this.#sync;
  }

  #parts(past: PastStore, progress: PastProgress, clock: Clock, exchange: Exchange) {
    const {
      keys: realKeys,
      blobs,
      itemView,
      rows,
      syncView,
      syncKeySecret,
      classes,
      massDeletes,
      peopleOf,
    } = this.#sources;
    const own = keyRing({ table: memoryKeyTable(), master: masterKey(randomBytes(32)) });
    const keys = keysApart(realKeys, own);
    const bodies = new ItemBodies({ blobs: blobsApart(blobs), keys, onLost: () => {} });
    const store = bodies.over(past);
    const { people, devices, folders, kin, close } = peopleOf
      ? peopleOf(store, clock)
      : peopleOfPast(store, clock, this.#sources.devices ?? noDevices);
    const items = new WatchedItems(store);
    const nonce = () => `replay ${exchange.id} ${++this.#nonces}`;
    const engine = assembleEngine({
      ...{ store, bodies, items, folders, syncKeySecret, progress, nonce, cachedMax, now: clock.instant },
      ...(classes ? { classes } : {}),
      ...(massDeletes ? { massDeletes } : {}),
      ...(kin ? { kin } : {}),
      itemView: new PastItems({ store: past, view: itemView, rows, facts: itemFacts }),
      syncView: new PastConversations(past, syncView),
      openRows: pastRowOpener(rowOpener(realKeys)),
    });
    const deps: ActiveSyncDeps = {
      ...engine.deps,
      signIn: { signIn: async () => ({ kind: 'refused' }) },
      people,
      devices,
      events: store,
      settled: async () => {},
      policyKey: () => '1',
      nowMs: clock.nowMs,
      log: { isLevelEnabled: () => false, trace: () => {}, warn: () => {}, error: () => {} },
    };
    const closeAll = () => {
      engine.close();
      close();
    };
    return { deps, items, close: closeAll };
  }

  #traceOf(exchange: Exchange, body: ExchangeBody, command: CommandName): ExchangeTrace {
    const { deviceId, deviceType, parameters } = body.query;
    const query = {
      ...{ command, deviceId, deviceType, parameters },
      ...{ user: undefined, version: undefined, policyKey: undefined, locale: undefined },
    };
    const asked = { query, policyKey: undefined, userAgent: undefined, body: undefined };
    return new ExchangeTrace(command, Date.parse(exchange.at), asked, exchange.id);
  }
}

/** A request is about few folders. */
const cachedMax = 300;
/** Long enough for a look at every folder of a Ping, which says nothing when it has looked. */
const pingLookMs = 2_000;

/** Nothing happens in a past while a request waits, so it is answered as if its time were over. */
function closer(command: CommandName): (end: () => void) => void {
  return (end) => {
    if (command === 'Ping') setTimeout(end, pingLookMs).unref();
    else end();
  };
}

/** What is there at the time of asking, under the names that `first` has. */
function forwarding<T extends object>(present: () => T, first: T): T {
  const names = Object.keys(first) as (keyof T)[];
  const getters = names.map((name) => [name, { get: () => present()[name], enumerable: true }] as const);
  return Object.defineProperties({}, Object.fromEntries(getters)) as T;
}

const noDevices: Pick<DevicesReader, 'of'> = { of: async () => [] };

function peopleOfPast(store: EventStore, clock: Clock, reader: Pick<DevicesReader, 'of'>): PeopleOfPast {
  const nobody = { byLogin: async () => undefined, byEmail: async () => undefined };
  const directory = new Directory({ store, reader: nobody, projected: NEVER });
  const devices = new Devices({
    ...{ store, directory, clock, reader },
    settled: async () => {},
  });
  return {
    people: directory,
    devices: { device: (tenant, key) => directory.device(tenant, key), run: devices.run.bind(devices) },
    folders: createFolders(store, directory),
    kin: createKin({ devices, directory, reader }),
    close: () => directory.close(),
  };
}
