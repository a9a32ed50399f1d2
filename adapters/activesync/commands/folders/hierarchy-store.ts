/**
 * The conversations of devices about their folders, folded from their streams and kept at hand for a while. Memory is
 * only a short cut: every append names the revision it continues.
 */
import { LRUCache } from 'lru-cache';
import type { FolderTree } from '../../../../domain/folder/state.ts';
import { differenceOf, type HierarchyKey, isEmpty, knownAt } from '../../../../domain/hierarchy/decide.ts';
import type { HierarchyEvent } from '../../../../domain/hierarchy/events.ts';
import {
  evolveHierarchy,
  type HierarchyState,
  type KnownFolders,
  offeredFolders,
  toStored,
  withoutNames,
} from '../../../../domain/hierarchy/state.ts';
import { hierarchyStream, parseHierarchyStream } from '../../../../domain/hierarchy/stream.ts';
import type { EventMeta } from '../../../../domain/shared/event.ts';
import type { DeviceKey } from '../../../../domain/shared/ids.ts';
import { accountSubject } from '../../../../domain/shared/streams.ts';
import type { EventStore, RecordedEvent, StreamHead } from '../../../event-log/event-store.port.ts';
import { emptyHead } from '../../../event-log/event-store.port.ts';
import type { Session } from '../../session.ts';
import { shownFolders } from './shown.ts';

export type HierarchyId = Pick<Session, 'tenant' | 'account' | 'device'>;

export interface HierarchyConversation {
  readonly state: HierarchyState | null;
  readonly head: StreamHead;
}

export class HierarchyStore {
  readonly #store: EventStore;
  readonly #states: LRUCache<DeviceKey, HierarchyConversation>;
  /** The tree a device was last found to know, so that a Ping need not fold anything. Trees are never changed. */
  readonly #current: LRUCache<DeviceKey, WeakRef<FolderTree>>;

  constructor(store: EventStore, options: { cachedMax?: number } = {}) {
    this.#store = store;
    this.#states = new LRUCache({ max: options.cachedMax ?? 2_000 });
    this.#current = new LRUCache({ max: 50_000 });
    // What somebody else wrote to a conversation is not in memory.
    store.commits.subscribe(({ events }) => {
      for (const { stream, revision } of events ?? []) {
        const device = parseHierarchyStream(stream);
        if (device && revision > (this.#states.peek(device)?.head.revision ?? -1)) this.forget({ device });
      }
    });
  }

  /** Has the device told all folders anew with its next FolderSync, whatever key it comes with. */
  async resync(id: HierarchyId, meta: EventMeta): Promise<'resynced' | 'pending' | 'neverSynced' | 'overtaken'> {
    this.forget(id);
    const conversation = await this.load(id);
    const { state } = conversation;
    if (!state) return 'neverSynced';
    if (state.cause === 'resync' && state.issued === 1) return 'pending';
    const known = [...withoutNames(offeredFolders(state)).values()].map(toStored);
    const data = { epoch: state.epoch + 1, cause: 'resync' as const, known };
    const isStored = await this.append(id, conversation, [{ type: 'HierarchyReset', version: 1, data }], meta);
    return isStored ? 'resynced' : 'overtaken';
  }

  async load(session: HierarchyId): Promise<HierarchyConversation> {
    const cached = this.#states.get(session.device);
    if (cached) return cached;
    const page = await this.#store.load(session.tenant, hierarchyStream(session.device));
    let state: HierarchyState | null = null;
    for (const event of understood(page.events)) state = evolveHierarchy(state, event);
    const conversation = { state, head: page.head };
    this.#states.set(session.device, conversation);
    return conversation;
  }

  /** False when another process was faster: load and decide again. */
  async append(
    session: HierarchyId,
    conversation: HierarchyConversation,
    events: readonly HierarchyEvent[],
    meta: EventMeta,
  ): Promise<boolean> {
    const subject = accountSubject(session.account);
    this.#current.delete(session.device);
    const outcome = await this.#store.append(session.tenant, [
      {
        stream: hierarchyStream(session.device),
        head: conversation.head,
        subject,
        owner: subject,
        events: events.map((event) => ({ event, meta })),
      },
    ]);
    this.#states.delete(session.device);
    if (outcome.kind === 'conflict') return false;
    let { state } = conversation;
    for (const event of events) state = evolveHierarchy(state, event);
    this.#states.set(session.device, { state, head: outcome.heads[0] ?? emptyHead });
    return true;
  }

  /** The next look is at the stream itself. */
  forget(session: Pick<Session, 'device'>): void {
    this.#states.delete(session.device);
    this.#current.delete(session.device);
  }

  async knownAt(session: HierarchyId, key: HierarchyKey): Promise<KnownFolders | null> {
    const page = await this.#store.load(session.tenant, hierarchyStream(session.device));
    return knownAt([...understood(page.events)], key);
  }

  /** Whether the folders differ from what the device was told last. False for one that never asked. */
  async isNews(session: Session, all: FolderTree): Promise<boolean> {
    const tree = shownFolders(all, session.version);
    if (this.#current.get(session.device)?.deref() === tree) return false;
    const { state } = await this.load(session);
    if (state && !isEmpty(differenceOf(offeredFolders(state), tree))) return true;
    this.#current.set(session.device, refTo(tree));
    return false;
  }
}

const refs = new WeakMap<FolderTree, WeakRef<FolderTree>>();

/** One reference for all devices of an account. */
function refTo(tree: FolderTree): WeakRef<FolderTree> {
  let ref = refs.get(tree);
  if (!ref) refs.set(tree, (ref = new WeakRef(tree)));
  return ref;
}

function* understood(events: readonly RecordedEvent[]): Iterable<HierarchyEvent> {
  for (const event of events) if (event.type !== 'Forgotten') yield event as unknown as HierarchyEvent;
}
