import { sql, type Transaction } from 'kysely';
import type { KeyRing } from '../../adapters/crypto.port.ts';
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import type { Fields, ItemKind } from '../../domain/item/fields.ts';
import { evolve, type ItemState } from '../../domain/item/state.ts';
import type { Instant, ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import { itemSubject, parseItemStream } from '../../domain/shared/streams.ts';
import type { AnyDatabase, Projection, Touched } from '../runner/projection.ts';
import { openContent, sealContent } from './content.ts';
import { type ItemViewTable, itemViewMigration } from './table.ts';

/** What filters ask of an item: the end of an appointment's last occurrence, and whether a task is open. */
export type ItemFacts = (kind: ItemKind, fields: Fields) => { endsAt: Instant | null; open: boolean };

type Row = Omit<ItemViewTable, 'tenant' | 'content'>;
interface Draft {
  readonly row: Row;
  /** Undefined in tombstones. */
  readonly fields?: Fields;
}

/** The item view. Reads the rows that the page's events change, folds, writes them back in one statement. */
export function itemView(keys: KeyRing, facts: ItemFacts): Projection {
  return {
    name: 'item-view',
    version: 1,
    migrations: [itemViewMigration],
    async project(trx, tenant, events) {
      const page = events.flatMap((event) => {
        const name = parseItemStream(event.stream);
        return name ? [{ event, item: name.item, kind: name.kind }] : [];
      });
      if (page.length === 0) return undefined;

      const states = await statesBefore(trx, tenant, keys, page);
      const drafts = new Map<string, Draft>();
      const put = (draft: Draft): void => {
        drafts.set(`${draft.row.collection}/${draft.row.item}`, draft);
      };
      for (const { event, item, kind } of page) {
        const before = states.get(item) ?? null;
        if (event.type === 'Forgotten') {
          if (before) put({ row: tombstone(item, before, event, true) });
          states.delete(item);
          continue;
        }
        const state = evolve(before, event);
        if (!state || state === before) continue;
        states.set(item, state);
        if (before && before.collection !== state.collection) put({ row: tombstone(item, before, event, false) });
        put(
          state.removed
            ? { row: tombstone(item, state, event, true) }
            : { row: liveRow(item, kind, state, event, facts), fields: state.fields },
        );
      }
      return await write(trx, tenant, keys, [...drafts.values()]);
    },
  };
}

async function statesBefore(
  trx: Transaction<AnyDatabase>,
  tenant: TenantId,
  keys: KeyRing,
  page: readonly { event: RecordedEvent; item: ItemId }[],
): Promise<Map<ItemId, ItemState>> {
  const born = new Set<ItemId>();
  const wanted = new Set<ItemId>();
  for (const { event, item } of page) {
    if (event.revision === 0) born.add(item);
    else if (!born.has(item)) wanted.add(item);
  }
  const states = new Map<ItemId, ItemState>();
  if (wanted.size === 0) return states;
  const { rows } = await sql<ItemViewTable>`
    select * from item_view where tenant = ${tenant} and item = any(${[...wanted]}::text[]) and current
  `.execute(trx);
  const found = await keys.find(
    tenant,
    rows.map((row) => itemSubject(row.item)),
  );
  for (const row of rows) {
    const key = found.get(itemSubject(row.item));
    const { kind, owner, collection, version, deleted } = row;
    const fields = key && row.content ? openContent(key, row.item, row.content) : {};
    states.set(row.item, { kind, owner, collection, version, removed: deleted, fields });
  }
  return states;
}

function liveRow(item: ItemId, kind: ItemKind, state: ItemState, event: RecordedEvent, facts: ItemFacts): Row {
  const { endsAt, open } = facts(kind, state.fields);
  const { owner, collection, version } = state;
  const ends_at = endsAt === null ? null : new Date(endsAt);
  return {
    item,
    kind,
    owner,
    collection,
    version,
    position: event.position,
    deleted: false,
    current: true,
    ends_at,
    open,
  };
}

function tombstone(item: ItemId, state: ItemState, event: RecordedEvent, current: boolean): Row {
  const { kind, owner, collection } = state;
  const { position, revision: version } = event;
  return { item, kind, owner, collection, version, position, deleted: true, current, ends_at: null, open: true };
}

async function write(
  trx: Transaction<AnyDatabase>,
  tenant: TenantId,
  keys: KeyRing,
  drafts: readonly Draft[],
): Promise<Touched> {
  const touched = new Map<string, Position[]>();
  if (drafts.length === 0) return touched;
  const live = drafts.filter((draft) => draft.fields);
  // The key may have been destroyed since the event was read: then the item goes as it came.
  const found = await keys.find(
    tenant,
    live.map(({ row }) => itemSubject(row.item)),
  );
  const contents = drafts.map(({ row, fields }) => {
    const key = fields && found.get(itemSubject(row.item));
    return key ? sealContent(key, row.item, fields) : null;
  });
  const rows = drafts.map(({ row, fields }, index) =>
    fields && contents[index] === null ? { ...row, deleted: true } : row,
  );
  for (const row of rows) {
    const positions = touched.get(row.collection);
    if (positions) positions.push(row.position);
    else touched.set(row.collection, [row.position]);
  }
  await sql`
    insert into item_view
      (tenant, collection, item, kind, owner, position, version, deleted, current, content, ends_at, open)
    select ${tenant}, * from unnest(
      ${rows.map((row) => row.collection)}::text[],
      ${rows.map((row) => row.item)}::text[],
      ${rows.map((row) => row.kind)}::text[],
      ${rows.map((row) => row.owner)}::text[],
      ${rows.map((row) => row.position)}::bigint[],
      ${rows.map((row) => row.version)}::integer[],
      ${rows.map((row) => row.deleted)}::boolean[],
      ${rows.map((row) => row.current)}::boolean[],
      ${contents}::bytea[],
      ${rows.map((row) => row.ends_at)}::timestamptz[],
      ${rows.map((row) => row.open)}::boolean[])
    on conflict (tenant, collection, item) do update set
      kind = excluded.kind, owner = excluded.owner, position = excluded.position, version = excluded.version,
      deleted = excluded.deleted, current = excluded.current, content = excluded.content,
      ends_at = excluded.ends_at, open = excluded.open
  `.execute(trx);
  for (const positions of touched.values()) positions.sort((a, b) => a - b);
  return touched;
}
