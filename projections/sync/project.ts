import { sql } from 'kysely';
import { LRUCache } from 'lru-cache';
import type { CollectionId, DeviceKey, ItemId, Position, StreamName } from '../../domain/shared/ids.ts';
import { parseSyncStream } from '../../domain/shared/streams.ts';
import type { SyncEventData } from '../../domain/sync/events.ts';
import { type ConversationState, evolve, type Held } from '../../domain/sync/state.ts';
import { deviceTopic } from '../devices/project.ts';
import type { Page, Projection } from '../runner/projection.ts';
import { type SyncConversationTable, syncMigration } from './table.ts';

interface Conversation {
  readonly device: DeviceKey;
  readonly collection: CollectionId;
  state: ConversationState | null;
  revision: number;
  /** The held map was emptied before what follows. */
  cleared: boolean;
  /** The last word on each item: null is no longer held. */
  readonly held: Map<ItemId, Held | null>;
}

interface Folded {
  readonly state: ConversationState;
  readonly revision: number;
}

const foldedMax = 10_000;

/**
 * Conversations and what devices hold, folded from the conversations' streams. The last states are kept at hand: a
 * state is made by the stream up to its revision and nothing else, so one that fits is right whatever became of the
 * rows.
 */
export function syncView(): Projection {
  const folded = new LRUCache<string, Folded>({ max: foldedMax });
  return {
    name: 'sync',
    version: 2,
    migrations: [syncMigration],
    async project(page) {
      const { tenant, events } = page;
      const conversations = new Map<StreamName, Conversation>();
      for (const event of events) {
        const name = parseSyncStream(event.stream);
        if (name && !conversations.has(event.stream)) {
          conversations.set(event.stream, { ...name, state: null, revision: -1, cleared: false, held: new Map() });
        }
      }
      if (conversations.size === 0) return undefined;
      const unknown = new Map(conversations);
      const seen = new Set<StreamName>();
      for (const { stream, revision } of events) {
        const conversation = conversations.get(stream);
        if (!conversation || seen.has(stream)) continue;
        seen.add(stream);
        const before = folded.get(`${tenant}/${stream}`);
        if (revision !== 0 && before?.revision !== revision - 1) continue;
        unknown.delete(stream);
        if (revision === 0 || !before) continue;
        conversation.state = before.state;
        conversation.revision = before.revision;
      }
      if (unknown.size > 0) await loadStates(page, unknown);
      for (const event of events) {
        const conversation = conversations.get(event.stream);
        if (!conversation || event.type === 'Forgotten') continue;
        const { state, held } = evolve(conversation.state, event.type, event.data);
        conversation.state = state;
        conversation.revision = event.revision;
        if (held.clear) {
          conversation.cleared = true;
          conversation.held.clear();
        }
        for (const item of held.remove) conversation.held.set(item, null);
        for (const [item, known] of held.set) conversation.held.set(item, known);
      }
      // Who asks for a resync from our side has the device look at once.
      const touched = new Map<string, readonly Position[]>();
      for (const { stream, type, data, position } of events) {
        const device = type === 'SyncReset' ? conversations.get(stream)?.device : undefined;
        if (device && (data as SyncEventData['SyncReset']).cause === 'resync') {
          touched.set(deviceTopic(device), [position]);
        }
      }
      writeHeld(page, [...conversations.values()]);
      writeStates(page, [...conversations.values()]);
      page.written(() => {
        for (const [stream, { state, revision }] of conversations) {
          if (state) folded.set(`${tenant}/${stream}`, { state, revision });
        }
      });
      return touched.size > 0 ? touched : undefined;
    },
  };
}

async function loadStates({ tenant, read }: Page, conversations: ReadonlyMap<StreamName, Conversation>): Promise<void> {
  const wanted = [...conversations.values()];
  const { rows } = await sql<SyncConversationTable>`
    select c.* from sync_conversation c
    join unnest(${wanted.map((c) => c.device)}::text[], ${wanted.map((c) => c.collection)}::text[]) as w(device, collection)
      on c.device = w.device and c.collection = w.collection
    where c.tenant = ${tenant}
  `.execute(read);
  const byKey = new Map(rows.map((row) => [`${row.device}/${row.collection}`, row]));
  for (const conversation of wanted) {
    const row = byKey.get(`${conversation.device}/${conversation.collection}`);
    if (!row) continue;
    conversation.state = JSON.parse(row.state) as ConversationState;
    conversation.revision = row.revision;
  }
}

function writeStates(page: Page, conversations: readonly Conversation[]): void {
  const written = conversations.filter((conversation) => conversation.state);
  if (written.length === 0) return;
  page.later(sql`
    insert into sync_conversation (tenant, device, collection, revision, state)
    select ${page.tenant}, * from unnest(
      ${written.map((c) => c.device)}::text[],
      ${written.map((c) => c.collection)}::text[],
      ${written.map((c) => c.revision)}::integer[],
      ${written.map((c) => JSON.stringify(c.state))}::text[])
    on conflict (tenant, device, collection) do update set revision = excluded.revision, state = excluded.state`);
}

/**
 * Of what was emptied, only what is not held again is deleted beside the others: so they are of different rows. One
 * conversation a statement, as the planner cannot know how much several hold; that there are several is rare.
 */
function writeHeld(page: Page, conversations: readonly Conversation[]): void {
  const { tenant } = page;
  const changes = conversations.flatMap(({ device, collection, held, cleared }) =>
    [...held].map(([item, known]) => ({ device, collection, item, known, cleared })),
  );
  const set = changes.flatMap(({ known, ...rest }) => (known ? [{ ...rest, ...known }] : []));
  const [cleared, ...others] = conversations.filter((conversation) => conversation.cleared);
  for (const { device, collection } of others) {
    page.first(sql`
      delete from device_known where tenant = ${tenant} and device = ${device} and collection = ${collection}`);
  }
  if (cleared) {
    const again = [...cleared.held].flatMap(([item, known]) => (known ? [item] : []));
    page.later(sql`
      delete from device_known
      where tenant = ${tenant} and device = ${cleared.device} and collection = ${cleared.collection}
        and item <> all(${again}::text[])`);
  }
  const gone = changes.filter(({ known, cleared }) => known === null && !cleared);
  if (gone.length > 0) {
    page.later(sql`
      delete from device_known k
      using unnest(
        ${gone.map((c) => c.device)}::text[],
        ${gone.map((c) => c.collection)}::text[],
        ${gone.map((c) => c.item)}::text[]) as g(device, collection, item)
      where k.tenant = ${tenant} and k.device = g.device and k.collection = g.collection and k.item = g.item`);
  }
  if (set.length > 0) {
    page.later(sql`
      insert into device_known (tenant, device, collection, item, version, hash)
      select ${tenant}, * from unnest(
        ${set.map((c) => c.device)}::text[],
        ${set.map((c) => c.collection)}::text[],
        ${set.map((c) => c.item)}::text[],
        ${set.map((c) => c.version)}::integer[],
        ${set.map((c) => c.hash)}::text[])
      on conflict (tenant, device, collection, item) do update set version = excluded.version, hash = excluded.hash`);
  }
}
