import { sql } from 'kysely';
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import { idOfStream } from '../../domain/account/stream.ts';
import type { AccountId, DeviceKey, Position } from '../../domain/shared/ids.ts';
import { parseSyncStream } from '../../domain/shared/streams.ts';
import type { SyncEventData } from '../../domain/sync/events.ts';
import { deviceTopic } from '../devices/project.ts';
import type { Page, Projection } from '../runner/projection.ts';
import { type HeldBatchTable, heldBatchesMigration } from './table.ts';

type Row = Omit<HeldBatchTable, 'tenant' | 'held_at' | 'last_at' | 'decided_at'> & {
  held_at: string;
  last_at: string;
  decided_at: string | null;
};
type Outcome = Pick<Row, 'state' | 'decided_at'>;

/** The batches as rows. A device whose batch was decided is woken: it may be sent what it had deleted. */
export function heldBatches(): Projection {
  return {
    name: 'held-batches',
    version: 1,
    migrations: [heldBatchesMigration],
    async project(page) {
      const rows = new Map<string, Row>();
      /** Of batches that began before the page. */
      const outcomes = new Map<string, Outcome>();
      const gone = new Set<AccountId>();
      const touched = new Map<string, readonly Position[]>();
      for (const event of page.events) {
        if (event.type === 'AccountRemoved') {
          const account = idOfStream(event.stream, 'account') as AccountId | undefined;
          if (account) gone.add(account);
        } else if (event.type === 'CommandsHeld') {
          hold(rows, event);
        } else if (event.type === 'BatchReleased' || event.type === 'BatchDiscarded') {
          const { batch } = event.data as SyncEventData['BatchDiscarded'];
          const state = event.type === 'BatchReleased' ? 'released' : 'discarded';
          const outcome: Outcome = { state, decided_at: event.meta.at };
          const row = rows.get(batch);
          if (row) rows.set(batch, { ...row, ...outcome });
          else outcomes.set(batch, outcome);
          const device = parseSyncStream(event.stream)?.device as DeviceKey;
          touched.set(deviceTopic(device), [event.position]);
        }
      }
      const kept = [...rows.values()].filter(({ account }) => !gone.has(account));
      if (gone.size > 0) {
        page.first(sql`delete from held_batch where tenant = ${page.tenant} and account = any(${[...gone]}::text[])`);
      }
      if (kept.length > 0) write(page, kept);
      if (outcomes.size > 0) decide(page, outcomes);
      return touched.size > 0 ? touched : undefined;
    },
  };
}

function hold(rows: Map<string, Row>, { stream, data, meta, position }: RecordedEvent): void {
  const name = parseSyncStream(stream);
  const { actor, at } = meta;
  if (!name || actor.kind !== 'device') return;
  const { batch, by, of, commands } = data as SyncEventData['CommandsHeld'];
  const before = rows.get(batch);
  rows.set(batch, {
    ...{ batch, account: actor.account, ...name, asked_by: by, items_before: of, held_at: at, position },
    ...{ state: 'open', decided_at: null },
    ...before,
    items: (before?.items ?? 0) + commands.length,
    last_at: at,
  });
}

function write(page: Page, rows: readonly Row[]): void {
  page.later(sql`
    insert into held_batch (tenant, batch, account, device, collection, asked_by, items, items_before,
      held_at, last_at, state, decided_at, position)
    select ${page.tenant}, * from unnest(
      ${rows.map((row) => row.batch)}::text[],
      ${rows.map((row) => row.account)}::text[],
      ${rows.map((row) => row.device)}::text[],
      ${rows.map((row) => row.collection)}::text[],
      ${rows.map((row) => row.asked_by)}::text[],
      ${rows.map((row) => row.items)}::integer[],
      ${rows.map((row) => row.items_before)}::integer[],
      ${rows.map((row) => row.held_at)}::timestamptz[],
      ${rows.map((row) => row.last_at)}::timestamptz[],
      ${rows.map((row) => row.state)}::text[],
      ${rows.map((row) => row.decided_at)}::timestamptz[],
      ${rows.map((row) => row.position)}::bigint[])
    on conflict (tenant, batch) do update set items = held_batch.items + excluded.items,
      last_at = excluded.last_at, state = excluded.state, decided_at = excluded.decided_at`);
}

function decide(page: Page, outcomes: ReadonlyMap<string, Outcome>): void {
  const decided = [...outcomes];
  page.later(sql`
    update held_batch h set state = n.state, decided_at = n.decided_at
    from unnest(
      ${decided.map(([batch]) => batch)}::text[],
      ${decided.map(([, outcome]) => outcome.state)}::text[],
      ${decided.map(([, outcome]) => outcome.decided_at)}::timestamptz[]) as n(batch, state, decided_at)
    where h.tenant = ${page.tenant} and h.batch = n.batch`);
}
