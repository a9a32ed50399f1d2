import { sql } from 'kysely';
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import type { ItemId } from '../../domain/shared/ids.ts';
import { type LinkEvent, parseLinkStream } from '../../domain/writeback/events.ts';
import type { Page, Projection } from '../runner/projection.ts';
import { type OfficeBaselineTable, officeBaselineMigration } from './table.ts';

type Row = Omit<OfficeBaselineTable, 'tenant' | 'item'>;
/** What a page says of one item: the whole row, its end, or that its stream went on. */
type Draft =
  | { readonly kind: 'row'; readonly row: Row }
  | { readonly kind: 'gone' }
  | { readonly kind: 'on'; readonly revision: number; readonly missing: 'more' | 'none' | null };

export function officeBaseline(): Projection {
  return {
    name: 'office-baseline',
    version: 1,
    migrations: [officeBaselineMigration],
    async project(page) {
      const drafts = new Map<ItemId, Draft>();
      for (const event of page.events) {
        const item = parseLinkStream(event.stream);
        if (item) drafts.set(item, next(drafts.get(item), event));
      }
      if (drafts.size > 0) write(page, [...drafts]);
      return undefined;
    },
  };
}

function next(before: Draft | undefined, recorded: RecordedEvent): Draft {
  const revision = recorded.revision as number;
  if (recorded.type === 'Forgotten') return { kind: 'gone' };
  const event = { type: recorded.type, data: recorded.data } as LinkEvent;
  switch (event.type) {
    case 'OfficeObserved':
      return { kind: 'row', row: rowOf(event.data, revision) };
    case 'WriteBackConfirmed':
      return event.data.action === 'delete' ? { kind: 'gone' } : { kind: 'row', row: rowOf(event.data, revision) };
    case 'OfficeGone':
      return { kind: 'gone' };
    default: {
      if (before?.kind === 'gone') return before;
      const missing = event.type === 'OfficeMissed' ? 'more' : event.type === 'OfficeReturned' ? 'none' : null;
      if (before?.kind !== 'row') return { kind: 'on', revision, missing: missing ?? before?.missing ?? null };
      const count = missing === 'more' ? before.row.missing + 1 : missing === 'none' ? 0 : before.row.missing;
      return { kind: 'row', row: { ...before.row, revision, missing: count } };
    }
  }
}

function rowOf(data: (LinkEvent & { type: 'OfficeObserved' })['data'], revision: number): Row {
  const { home, record, hash } = data;
  return { home: home as Row['home'], record, hash, missing: 0, revision };
}

/** Of different items each, so in any order. */
function write(page: Page, drafts: readonly (readonly [ItemId, Draft])[]): void {
  const { tenant } = page;
  const rows = drafts.flatMap(([item, draft]) => (draft.kind === 'row' ? [{ item, ...draft.row }] : []));
  const gone = drafts.flatMap(([item, draft]) => (draft.kind === 'gone' ? [item] : []));
  const on = drafts.flatMap(([item, draft]) => (draft.kind === 'on' ? [{ item, ...draft }] : []));
  if (rows.length > 0) {
    page.later(sql`
      insert into office_baseline (tenant, item, home, record, hash, missing, revision)
      select ${tenant}, * from unnest(
        ${rows.map((row) => row.item)}::text[],
        ${rows.map((row) => row.home)}::text[],
        ${rows.map((row) => row.record)}::text[],
        ${rows.map((row) => row.hash)}::text[],
        ${rows.map((row) => row.missing)}::smallint[],
        ${rows.map((row) => row.revision)}::integer[])
      on conflict (tenant, item) do update set home = excluded.home, record = excluded.record,
        hash = excluded.hash, missing = excluded.missing, revision = excluded.revision`);
  }
  if (gone.length > 0) {
    page.later(sql`
      delete from office_baseline where tenant = ${tenant} and item = any(${gone}::text[])`);
  }
  if (on.length > 0) {
    // Guarded by the revision, so that a page folded again counts nothing twice.
    page.later(sql`
      update office_baseline b set revision = n.revision,
        missing = case n.missing when 'more' then b.missing + 1 when 'none' then 0 else b.missing end
      from unnest(
        ${on.map((row) => row.item)}::text[],
        ${on.map((row) => row.revision)}::integer[],
        ${on.map((row) => row.missing)}::text[]) as n(item, revision, missing)
      where b.tenant = ${tenant} and b.item = n.item and b.revision < n.revision`);
  }
}
