/**
 * The conversations of devices with collections: read from the view, continued from the log, kept in memory between
 * exchanges. Memory is only a short cut: what another process appends is dropped from it when that is heard of, and
 * every append names the revision it continues, so a stale memory is noticed.
 */
import { LRUCache } from 'lru-cache';
import type { Subscription } from 'rxjs';
import { type RestorationEvent, restorationStream } from '../../../domain/restoration/events.ts';
import type { DomainEvent, EventMeta } from '../../../domain/shared/event.ts';
import type { AccountId, CollectionId, DeviceKey, ItemId, Position, TenantId } from '../../../domain/shared/ids.ts';
import { accountSubject, parseSyncStream, syncStream } from '../../../domain/shared/streams.ts';
import { heldAt, type KeyParts } from '../../../domain/sync/decide.ts';
import type { SyncEventData } from '../../../domain/sync/events.ts';
import { type ConversationState, evolve, type Held } from '../../../domain/sync/state.ts';
import type { Progress } from '../../../projections/runner/runner.ts';
import type { SyncView } from '../../../projections/sync/read.ts';
import type { Turns } from '../../cluster/turns.port.ts';
import { type DomainWrite, type EventStore, emptyHead, type StreamHead } from '../../event-log/event-store.port.ts';
import type { Commit, CommitNotice } from '../../event-log/port.ts';
import { ConversationMemory } from './memory.ts';

export interface ConversationId {
  readonly tenant: TenantId;
  readonly account: AccountId;
  readonly device: DeviceKey;
  readonly collection: CollectionId;
}

export interface Conversation {
  readonly state: ConversationState | null;
  readonly head: StreamHead;
  /** The view shows what is acknowledged once it has reached this. */
  readonly position: Position;
  /**
   * Nothing for this device lies in the folder up to this position, although its cursor is before it: it was looked
   * at and found to be the device's own, or hidden by its filter. Kept in memory only.
   */
  checked: { key: number; position: Position; config: string } | null;
  /**
   * By the key that the device comes with: positions of what it changed itself lately and knows by that key. A lost
   * answer takes back what was changed with it. Kept in memory only.
   */
  readonly own: ReadonlyMap<number, ReadonlySet<Position>>;
}

export interface ConversationStoreOptions {
  readonly store: EventStore;
  readonly view: SyncView;
  readonly runner: Omit<Progress, 'projected'>;
  readonly cachedMax?: number;
  /** Of all nodes; absent where there is one process only. */
  readonly turns?: Turns;
}

/** Ten thousand phones with four folders each: one too few, and phones that ask in turns find none of theirs. */
const cachedDefault = 50_000;
const viewWaitMs = 2_000;

export class ConversationStore {
  readonly #options: ConversationStoreOptions;
  readonly #memory: ConversationMemory;
  readonly #locks = new Map<string, Promise<unknown>>();
  readonly #restored = new LRUCache<TenantId, Promise<number | undefined>>({ max: 10_000 });
  readonly #subscription: Subscription;

  constructor(options: ConversationStoreOptions) {
    this.#options = options;
    this.#memory = new ConversationMemory(options.cachedMax ?? cachedDefault);
    this.#subscription = options.store.commits.subscribe((notice) => this.#heard(notice));
  }

  /** One exchange of a conversation at a time in this process; the log's revision guards against other processes. */
  async exclusively<T>(id: ConversationId, work: () => Promise<T>): Promise<T> {
    const name = nameOf(id);
    const before = this.#locks.get(name);
    const turn = (async () => {
      await before;
      return await work();
    })();
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#locks.set(name, settled);
    try {
      return await turn;
    } finally {
      if (this.#locks.get(name) === settled) this.#locks.delete(name);
    }
  }

  /**
   * As `exclusively`, and one at a time on all nodes; what the one before stored is heard of. Costs a connection of the
   * database while other nodes are there, so it is for what happens seldom.
   */
  exclusivelyAmongAll<T>(id: ConversationId, work: () => Promise<T>): Promise<T> {
    const { turns, store } = this.#options;
    return this.exclusively(id, async () => {
      if (!turns) return await work();
      return await turns.take(nameOf(id), async () => {
        await store.heard?.(id.tenant);
        return await work();
      });
    });
  }

  close(): void {
    this.#subscription.unsubscribe();
  }

  /**
   * Lets the view catch up with what was answered to anyone before, so that a change that one phone was told is
   * stored is seen by the next that asks. Costs nothing when the view is up to date.
   */
  async caughtUp(id: ConversationId): Promise<void> {
    if ((await this.#options.runner.waitForCommitted(id.tenant, viewWaitMs)) === false) throw new ViewBehind();
  }

  /** The log's position that a look at the conversation and at the read models shows now. */
  reached(id: ConversationId, conversation: Conversation): Position {
    return Math.max(this.#options.runner.position(id.tenant), conversation.position) as Position;
  }

  cached(id: ConversationId): Conversation | undefined {
    return this.#memory.get(nameOf(id));
  }

  load(id: ConversationId): Promise<Conversation> {
    return this.#memory.load(nameOf(id), () => this.#read(id));
  }

  /** Whether nobody continued it by now, on any node. */
  async isLast(id: ConversationId, { head }: Conversation): Promise<boolean> {
    await this.#options.store.heard?.(id.tenant);
    return (await this.load(id)).head.revision === head.revision;
  }

  async #read(id: ConversationId): Promise<Conversation> {
    const { store, view } = this.#options;
    const row = await view.conversation(id.tenant, id.device, id.collection);
    // The row's own last event is read again: it gives the head that the next append continues.
    const page = await store.load(id.tenant, syncStream(id.device, id.collection), { from: row?.revision ?? 0 });
    let state = row?.state ?? null;
    let position = 0 as Position;
    for (const event of page.events) {
      position = event.position;
      if (row && event.revision <= row.revision) continue;
      if (event.type !== 'Forgotten') state = evolve(state, event.type, event.data).state;
    }
    return { state, head: kept(page.head), position, checked: null, own: new Map() };
  }

  /** What is older in memory is looked up anew. Whoever appended here puts what it made in its place. */
  #heard({ tenant, events }: CommitNotice): void {
    if (!events) {
      this.#memory.clear();
      this.#restored.clear();
      return;
    }
    for (const { stream, revision } of events) {
      if (stream === restorationStream) this.#restored.delete(tenant);
      const of = parseSyncStream(stream);
      if (of) this.#memory.heard(nameOf({ tenant, device: of.device, collection: of.collection }), revision);
    }
  }

  /** Appends to the conversation. Null when another process was faster: load and decide again. */
  async append(
    id: ConversationId,
    conversation: Conversation,
    events: readonly DomainEvent[],
    meta: EventMeta,
  ): Promise<Conversation | null> {
    return (await this.appendAfter(id, conversation, [], events, meta))?.conversation ?? null;
  }

  /**
   * Appends to other streams first and then to the conversation, in one call to the log. `repeated`: one of the first
   * was stored before. Null when a stream moved on: then nothing may be stored, or the first alone.
   */
  async appendAfter(
    id: ConversationId,
    conversation: Conversation,
    first: readonly DomainWrite[],
    events: readonly DomainEvent[],
    meta: EventMeta,
  ): Promise<{ conversation: Conversation; repeated: boolean } | null> {
    const outcome = await this.#options.store.append(id.tenant, [
      ...first,
      {
        stream: syncStream(id.device, id.collection),
        head: conversation.head,
        subject: accountSubject(id.account),
        owner: accountSubject(id.account),
        events: events.map((event) => ({ event, meta })),
      },
    ]);
    if (outcome.kind === 'conflict') {
      this.#memory.delete(nameOf(id));
      return null;
    }
    let { state } = conversation;
    for (const event of events) state = evolve(state, event.type, event.data).state;
    const next: Conversation = {
      state,
      head: kept(outcome.heads.at(-1) ?? emptyHead),
      position: (outcome.commits.at(-1)?.position ?? conversation.position) as Position,
      checked: null,
      own: ownAfter(conversation.own, events, positionsOf(first, outcome.commits)),
    };
    this.#memory.set(nameOf(id), next);
    return { conversation: next, repeated: outcome.commits.some(({ repeated }) => repeated) };
  }

  /** What the device acknowledged of these items. Waits for the view to show the conversation's last event. */
  async held(id: ConversationId, conversation: Conversation, items: readonly ItemId[]): Promise<Map<ItemId, Held>> {
    if (items.length === 0) return new Map();
    await this.#settled(id, conversation);
    return await this.#options.view.held(id.tenant, id.device, id.collection, items);
  }

  async allHeld(id: ConversationId, conversation: Conversation): Promise<Map<ItemId, Held>> {
    await this.#settled(id, conversation);
    return await this.#options.view.allHeld(id.tenant, id.device, id.collection);
  }

  /** What the device held when it was given the key; null when that key was not issued. */
  async heldAt(
    id: ConversationId,
    key: KeyParts,
  ): Promise<{ held: Map<ItemId, Held>; state: ConversationState } | null> {
    const page = await this.#options.store.load(id.tenant, syncStream(id.device, id.collection));
    return heldAt(
      page.events.filter((event) => event.type !== 'Forgotten'),
      key,
    );
  }

  /** The epoch from which conversations go on since the tenant's log was last restored; undefined when it never was. */
  async restoredFrom(tenant: TenantId): Promise<number | undefined> {
    let found = this.#restored.get(tenant);
    if (!found) {
      found = this.#options.store.load(tenant, restorationStream).then(({ events }) => {
        const last = events.findLast(({ type }) => type === 'LogRestored') as RestorationEvent | undefined;
        return last?.data.epoch;
      });
      this.#restored.set(tenant, found);
      found.catch(() => this.#restored.delete(tenant));
    }
    return await found;
  }

  async #settled(id: ConversationId, conversation: Conversation): Promise<void> {
    if (await this.#options.runner.waitFor(id.tenant, conversation.position, viewWaitMs)) return;
    throw new ViewBehind();
  }
}

/** Own positions remembered for a conversation. */
const ownMax = 128;

function ownAfter(
  own: Conversation['own'],
  events: readonly DomainEvent[],
  changed: readonly Position[],
): Conversation['own'] {
  let next = own;
  for (const { type, data } of events) {
    if (type === 'SyncReset') next = new Map();
    if (type !== 'SyncAnswered') continue;
    const { key, base } = data as SyncEventData['SyncAnswered'];
    const known = next.get(base) ?? new Set();
    const all = changed.length === 0 ? known : new Set([...known, ...changed].slice(-ownMax));
    next = new Map([
      [base, known],
      [key, all],
    ]);
  }
  return next;
}

function positionsOf(writes: readonly DomainWrite[], commits: readonly Commit[]): Position[] {
  return writes.flatMap(({ events }, index) => {
    const last = commits[index]?.position ?? 0;
    return events.map((_, at) => (last - events.length + 1 + at) as Position);
  });
}

function nameOf(id: Omit<ConversationId, 'account'>): string {
  return `${id.tenant}/${id.device}/${id.collection}`;
}

/** The read models did not catch up in time. The client is told to try again. */
export class ViewBehind extends Error {
  override readonly name = 'ViewBehind';
}

/** The hash that was read may be a part of a larger buffer, which would stay for as long as the hash. */
function kept({ revision, hash }: StreamHead): StreamHead {
  return { revision, hash: new Uint8Array(hash) };
}
