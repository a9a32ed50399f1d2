import { sql } from 'kysely';
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import type { ConflictEvent } from '../../domain/conflict/events.ts';
import { type ItemEventData, parseItemType } from '../../domain/item/events.ts';
import type { ItemId } from '../../domain/shared/ids.ts';
import { parseItemStream } from '../../domain/shared/streams.ts';
import type { Page, Projection } from '../runner/projection.ts';
import { conflictsMigration, type ItemConflictTable } from './table.ts';

type Row = Omit<ItemConflictTable, 'tenant'>;
type Decided = Pick<Row, 'item' | 'revision' | 'decided' | 'decided_for'>;

const separator = '\u001f';

/** A row a conflict that was kept; it says how it was decided later. The values stay in the log. */
export function conflictsView(): Projection {
  return {
    name: 'conflicts',
    version: 1,
    migrations: [conflictsMigration],
    async project(page) {
      const kept = new Map<string, Row>();
      const decided: Decided[] = [];
      const forgotten = new Set<ItemId>();
      for (const event of page.events) {
        const item = parseItemStream(event.stream)?.item;
        if (!item) continue;
        if (event.type === 'Forgotten') forgotten.add(item);
        else if (parseItemType(event.type)?.verb === 'ConflictKept') {
          kept.set(`${item}/${event.revision}`, rowOf(item, event));
        } else if (event.type === 'ConflictDecided') {
          const { conflict, for: choice } = event.data as ConflictEvent['data'];
          const row = kept.get(`${item}/${conflict}`);
          const now = { decided: event.revision, decided_for: choice };
          if (row) Object.assign(row, now);
          else decided.push({ item, revision: conflict, ...now });
        }
      }
      const isKnown = ({ item }: { item: ItemId }) => !forgotten.has(item);
      insert(page, [...kept.values()].filter(isKnown));
      settle(page, decided.filter(isKnown));
      if (forgotten.size > 0) {
        page.later(
          sql`delete from item_conflict where tenant = ${page.tenant} and item = any(${[...forgotten]}::text[])`,
        );
      }
      return undefined;
    },
  };
}

function rowOf(item: ItemId, event: RecordedEvent): Row {
  const { rule, loser, contested, lostRemoval } = event.data as ItemEventData['ConflictKept'];
  const { revision, position } = event;
  return {
    ...{ item, revision, position, rule, loser, lost_removal: lostRemoval === true, contested: [...contested] },
    ...{ decided: null, decided_for: null },
  };
}

function insert(page: Page, rows: readonly Row[]): void {
  if (rows.length === 0) return;
  page.later(sql`
    insert into item_conflict
      (tenant, item, revision, position, rule, loser, lost_removal, contested, decided, decided_for)
    select ${page.tenant}, n.item, n.revision, n.position, n.rule, n.loser, n.lost_removal,
      string_to_array(n.contested, ${separator}), n.decided, n.decided_for
    from unnest(
      ${rows.map((row) => row.item)}::text[],
      ${rows.map((row) => row.revision)}::integer[],
      ${rows.map((row) => row.position)}::bigint[],
      ${rows.map((row) => row.rule)}::text[],
      ${rows.map((row) => row.loser)}::text[],
      ${rows.map((row) => row.lost_removal)}::boolean[],
      ${rows.map((row) => row.contested.join(separator))}::text[],
      ${rows.map((row) => row.decided)}::integer[],
      ${rows.map((row) => row.decided_for)}::text[])
      as n(item, revision, position, rule, loser, lost_removal, contested, decided, decided_for)
    on conflict (tenant, item, revision) do nothing`);
}

function settle(page: Page, rows: readonly Decided[]): void {
  if (rows.length === 0) return;
  page.later(sql`
    update item_conflict c set decided = n.decided, decided_for = n.decided_for
    from unnest(
      ${rows.map((row) => row.item)}::text[],
      ${rows.map((row) => row.revision)}::integer[],
      ${rows.map((row) => row.decided)}::integer[],
      ${rows.map((row) => row.decided_for)}::text[]) as n(item, revision, decided, decided_for)
    where c.tenant = ${page.tenant} and c.item = n.item and c.revision = n.revision`);
}
