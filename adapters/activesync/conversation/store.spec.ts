import { beforeEach, describe, expect, it } from 'vitest';
import type { EventMeta } from '../../../domain/shared/event.ts';
import type {
  AccountId,
  CollectionId,
  DeviceKey,
  Instant,
  ItemId,
  Position,
  TenantId,
} from '../../../domain/shared/ids.ts';
import { eventRegistry } from '../../../domain/shared/upcast.ts';
import { type Holding, syncEvent, syncEvents } from '../../../domain/sync/events.ts';
import { applyHeld, type ConversationState, evolve, type Held } from '../../../domain/sync/state.ts';
import type { ProjectionRunner } from '../../../projections/runner/runner.ts';
import type { SyncViewReader } from '../../../projections/sync/read.ts';
import { keyRing } from '../../crypto/key-ring.ts';
import { masterKey } from '../../crypto/master-key.ts';
import { memoryKeyTable } from '../../crypto/memory.ts';
import type { EventStore } from '../../event-log/event-store.port.ts';
import { createEventStore } from '../../event-log/event-store.ts';
import { type MemoryStorage, memoryEventLog } from '../../event-log/memory.ts';
import { commandIdFrom } from '../../ids.ts';
import { type Conversation, type ConversationId, ConversationStore, ViewBehind } from './store.ts';

const id: ConversationId = {
  tenant: 'demo.example' as TenantId,
  account: 'kari' as AccountId,
  device: 'phone' as DeviceKey,
  collection: 'contacts' as CollectionId,
};
const other: ConversationId = { ...id, collection: 'calendar' as CollectionId };
const at = '2026-03-01T08:00:00.000Z' as Instant;

/** A view that folds the log when it is told to, and a runner that waits for nothing else. */
class LateView {
  row: { collection: CollectionId; revision: number; state: ConversationState } | undefined;
  readonly known = new Map<ItemId, Held>();
  position = 0 as Position;
  readonly #store: EventStore;

  constructor(store: EventStore) {
    this.#store = store;
  }
  async fold(): Promise<void> {
    this.known.clear();
    for (const event of await this.#store.readAll(id.tenant, 0 as Position, 1_000)) {
      const { state, held } = evolve(this.row?.state ?? null, event.type, event.data);
      applyHeld(this.known, held);
      this.row = { collection: id.collection, revision: event.revision, state };
      this.position = event.position;
    }
  }
  conversation = async () => this.row;
  held = async (_t: unknown, _d: unknown, _c: unknown, items: readonly ItemId[]) =>
    new Map([...this.known].filter(([item]) => items.includes(item)));
  allHeld = async () => new Map(this.known);
  waitFor = async (_: TenantId, position: Position) => this.position >= position;
  waitForCommitted = async () => this.position >= (await this.#store.head(id.tenant));
}

let keys: ReturnType<typeof keyRing>;
let storage: MemoryStorage;
let store: EventStore;
let view: LateView;
let conversations: ConversationStore;

beforeEach(() => {
  keys = keyRing({ table: memoryKeyTable(), master: masterKey(new Uint8Array(32).fill(7)) });
  storage = new Map();
  store = opened();
  view = new LateView(store);
  conversations = process();
});

function opened(): EventStore {
  return createEventStore({ log: memoryEventLog(storage), keys, clock: () => at, events: eventRegistry(syncEvents) });
}

/** A process: memory of its own, on the same log and view. It does not hear what others store. */
function process(): ConversationStore {
  return new ConversationStore({
    store: opened(),
    view: view as unknown as SyncViewReader,
    runner: view as unknown as ProjectionRunner,
  });
}

let commands = 0;
const meta = (): EventMeta => ({
  at,
  actor: { kind: 'system' },
  commandId: commandIdFrom(['test', String(++commands)]),
});
const reset = syncEvent('SyncReset', { epoch: 1, cause: 'syncKeyZero', supported: null, known: [] });
const answered = (key: number, base: number, ...names: string[]) =>
  syncEvent('SyncAnswered', {
    key,
    base,
    ops: names.map((name): Holding => [name as ItemId, 'add', 0, 'hash']),
    cursor: { position: 0 as Position, config: 'c' },
  });
async function go(on: ConversationStore, ...events: ReturnType<typeof syncEvent>[]) {
  for (const event of events) {
    if (!(await on.append(id, await on.load(id), [event], meta()))) throw new Error('somebody was faster');
  }
}

describe('a conversation', () => {
  it('that never was is empty', async () => {
    expect(await conversations.load(id)).toMatchObject({ state: null, head: { revision: -1 }, position: 0 });
  });

  it('is known at once after an append, without a look at the view', async () => {
    await go(conversations, reset, answered(2, 1, 'a'));
    expect(conversations.cached(id)).toMatchObject({ state: { issued: 2, offer: { key: 2 } }, head: { revision: 1 } });
  });

  it('is read from the view and continued from the log, however far the view is', async () => {
    await go(conversations, reset, answered(2, 1, 'a'));
    // What only memory knows is not there after a restart.
    const stored = ({ own: _, ...rest }: Conversation) => rest;
    const expected = stored(await conversations.load(id));
    for (const isFolded of [false, true]) {
      if (isFolded) await view.fold();
      expect(stored(await process().load(id))).toEqual(expected);
    }
    await go(conversations, answered(3, 2, 'b'));
    expect(stored(await process().load(id))).toEqual(stored(await conversations.load(id)));
  });

  it('that another process continued is not continued from memory: the loser looks again and goes on', async () => {
    await go(conversations, reset);
    const elsewhere = process();
    await go(elsewhere, answered(2, 1, 'a'));
    const old = await conversations.load(id);
    expect(await conversations.append(id, old, [answered(2, 1, 'b')], meta())).toBeNull();
    expect(await conversations.load(id)).toMatchObject({ state: { offer: { ops: [['a', 'add', 0, 'hash']] } } });
    await go(conversations, answered(3, 2, 'b'));
    expect((await store.load(id.tenant, 'sync-phone-contacts' as never)).events).toHaveLength(3);
  });

  it('tells what is held by any key', async () => {
    await go(conversations, reset, answered(2, 1, 'a'), answered(3, 2, 'b'));
    const held = async (counter: number) => [
      ...((await conversations.heldAt(id, { epoch: 1, counter }))?.held.keys() ?? ['none']),
    ];
    expect([await held(1), await held(2), await held(3), await held(4)]).toEqual([[], ['a'], ['a', 'b'], ['none']]);
  });
});

describe('what the view says of a conversation', () => {
  it('is asked only once the view shows the last event', async () => {
    await go(conversations, reset, answered(2, 1, 'a'), answered(3, 2));
    const conversation = await conversations.load(id);
    await expect(conversations.held(id, conversation, ['a' as ItemId])).rejects.toThrow(ViewBehind);
    await expect(conversations.allHeld(id, conversation)).rejects.toThrow(ViewBehind);
    await expect(conversations.caughtUp(id)).rejects.toThrow(ViewBehind);
    await view.fold();
    await conversations.caughtUp(id);
    expect([...(await conversations.held(id, conversation, ['a' as ItemId])).keys()]).toEqual(['a']);
    expect([...(await conversations.allHeld(id, conversation)).keys()]).toEqual(['a']);
  });

  it('is not asked about nothing', async () => {
    await go(conversations, reset);
    expect(await conversations.held(id, await conversations.load(id), [])).toEqual(new Map());
  });
});

describe('exchanges of one conversation', () => {
  it('come one after the other, in the order they came', async () => {
    const order: string[] = [];
    let go = () => {};
    const first = conversations.exclusively(id, async () => {
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      order.push('first');
    });
    const rest = ['second', 'third'].map((name) => conversations.exclusively(id, async () => order.push(name)));
    await conversations.exclusively(other, async () => order.push('another folder'));
    go();
    await Promise.all([first, ...rest]);
    expect(order).toEqual(['another folder', 'first', 'second', 'third']);
  });

  it('go on after one that failed, and each gets its own result', async () => {
    const failing = conversations.exclusively(id, async () => {
      throw new Error('broken');
    });
    const next = conversations.exclusively(id, async () => 'fine');
    await expect(failing).rejects.toThrow('broken');
    expect(await next).toBe('fine');
  });
});
