import { sql, type Transaction } from 'kysely';
import { LRUCache } from 'lru-cache';
import type { CollectionId, DeviceKey, ItemId, StreamName, TenantId } from '../../domain/shared/ids.ts';
import { parseSyncStream } from '../../domain/shared/streams.ts';
import { type ConversationState, evolve, type Held } from '../../domain/sync/state.ts';
import type { AnyDatabase, Projection } from '../runner/projection.ts';
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
    version: 1,
    migrations: [syncMigration],
    async project(trx, tenant, events) {
      const page = new Map<StreamName, Conversation>();
      for (const event of events) {
        const name = parseSyncStream(event.stream);
        if (name && !page.has(event.stream)) {
          page.set(event.stream, { ...name, state: null, revision: -1, cleared: false, held: new Map() });
        }
      }
      if (page.size === 0) return undefined;
      const unknown = new Map(page);
      const seen = new Set<StreamName>();
      for (const { stream, revision } of events) {
        const conversation = page.get(stream);
        if (!conversation || seen.has(stream)) continue;
        seen.add(stream);
        const before = folded.get(`${tenant}/${stream}`);
        if (revision !== 0 && before?.revision !== revision - 1) continue;
        unknown.delete(stream);
        if (revision === 0 || !before) continue;
        conversation.state = before.state;
        conversation.revision = before.revision;
      }
      if (unknown.size > 0) await loadStates(trx, tenant, unknown);
      for (const event of events) {
        const conversation = page.get(event.stream);
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
      await writeHeld(trx, tenant, [...page.values()]);
      await writeStates(trx, tenant, [...page.values()]);
      for (const [stream, { state, revision }] of page) {
        if (state) folded.set(`${tenant}/${stream}`, { state, revision });
      }
      return undefined;
    },
  };
}

async function loadStates(
  trx: Transaction<AnyDatabase>,
  tenant: TenantId,
  page: ReadonlyMap<StreamName, Conversation>,
): Promise<void> {
  const wanted = [...page.values()];
  const { rows } = await sql<SyncConversationTable>`
    select c.* from sync_conversation c
    join unnest(${wanted.map((c) => c.device)}::text[], ${wanted.map((c) => c.collection)}::text[]) as w(device, collection)
      on c.device = w.device and c.collection = w.collection
    where c.tenant = ${tenant}
  `.execute(trx);
  const byKey = new Map(rows.map((row) => [`${row.device}/${row.collection}`, row]));
  for (const conversation of wanted) {
    const row = byKey.get(`${conversation.device}/${conversation.collection}`);
    if (!row) continue;
    conversation.state = JSON.parse(row.state) as ConversationState;
    conversation.revision = row.revision;
  }
}

async function writeStates(
  trx: Transaction<AnyDatabase>,
  tenant: TenantId,
  conversations: readonly Conversation[],
): Promise<void> {
  const written = conversations.filter((conversation) => conversation.state);
  await sql`
    insert into sync_conversation (tenant, device, collection, revision, state)
    select ${tenant}, * from unnest(
      ${written.map((c) => c.device)}::text[],
      ${written.map((c) => c.collection)}::text[],
      ${written.map((c) => c.revision)}::integer[],
      ${written.map((c) => JSON.stringify(c.state))}::text[])
    on conflict (tenant, device, collection) do update set revision = excluded.revision, state = excluded.state
  `.execute(trx);
}

async function writeHeld(
  trx: Transaction<AnyDatabase>,
  tenant: TenantId,
  conversations: readonly Conversation[],
): Promise<void> {
  for (const { device, collection } of conversations.filter((conversation) => conversation.cleared)) {
    await sql`
      delete from device_known where tenant = ${tenant} and device = ${device} and collection = ${collection}
    `.execute(trx);
  }
  const changes = conversations.flatMap(({ device, collection, held, cleared }) =>
    [...held].map(([item, known]) => ({ device, collection, item, known, cleared })),
  );
  const gone = changes.filter(({ known, cleared }) => known === null && !cleared);
  if (gone.length > 0) {
    await sql`
      delete from device_known k
      using unnest(
        ${gone.map((c) => c.device)}::text[],
        ${gone.map((c) => c.collection)}::text[],
        ${gone.map((c) => c.item)}::text[]) as g(device, collection, item)
      where k.tenant = ${tenant} and k.device = g.device and k.collection = g.collection and k.item = g.item
    `.execute(trx);
  }
  const set = changes.flatMap(({ known, ...rest }) => (known ? [{ ...rest, ...known }] : []));
  if (set.length > 0) {
    await sql`
      insert into device_known (tenant, device, collection, item, version, hash)
      select ${tenant}, * from unnest(
        ${set.map((c) => c.device)}::text[],
        ${set.map((c) => c.collection)}::text[],
        ${set.map((c) => c.item)}::text[],
        ${set.map((c) => c.version)}::integer[],
        ${set.map((c) => c.hash)}::text[])
      on conflict (tenant, device, collection, item) do update set version = excluded.version, hash = excluded.hash
    `.execute(trx);
  }
}
