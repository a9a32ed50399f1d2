/** In this process, without a server: the item view made anew from the log. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type pg from 'pg';
import { keyRing } from '../../../adapters/crypto/key-ring.ts';
import { masterKey } from '../../../adapters/crypto/master-key.ts';
import { postgresKeyTable } from '../../../adapters/crypto/postgres/table.ts';
import type { EventStore, StreamHead } from '../../../adapters/event-log/event-store.port.ts';
import { emptyHead } from '../../../adapters/event-log/event-store.port.ts';
import { createEventStore } from '../../../adapters/event-log/event-store.ts';
import { postgresEventLog } from '../../../adapters/event-log/postgres/log.ts';
import { accountIdFrom, collectionIdFrom, commandIdFrom, itemIdFrom } from '../../../adapters/ids.ts';
import { startEmbeddedPostgres } from '../../../adapters/postgres/embedded.ts';
import { createKysely } from '../../../adapters/postgres/kysely.ts';
import { migrate } from '../../../adapters/postgres/migrate.ts';
import { migrations } from '../../../adapters/postgres/migrations/index.ts';
import { createPool } from '../../../adapters/postgres/pool.ts';
import { itemFacts } from '../../../api/engine.ts';
import { itemEvent, itemEvents } from '../../../domain/item/events.ts';
import type { EventMeta } from '../../../domain/shared/event.ts';
import type { AccountId, Instant, ItemId, TenantId } from '../../../domain/shared/ids.ts';
import { accountSubject, itemStream, itemSubject } from '../../../domain/shared/streams.ts';
import { eventRegistry } from '../../../domain/shared/upcast.ts';
import { itemView } from '../../../projections/item-view/project.ts';
import { checkpointMigration } from '../../../projections/runner/checkpoints.ts';
import { rebuild } from '../../../projections/runner/rebuild.ts';
import { postmasterOf } from '../../server-process.ts';
import type { Result } from '../measure.ts';
import { cpuSecondsOf } from '../proc.ts';
import { range } from '../stage.ts';

const demo = 'demo.example' as TenantId;
const eventsEach = 10;
const batch = 100;

export async function* rebuildScenario({ quick }: { readonly quick: boolean }): AsyncGenerator<Result> {
  const events = quick ? 10_000 : 500_000;
  const directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-bench-'));
  const dataDir = path.join(directory, 'data');
  await mkdir(dataDir);
  const postgres = await startEmbeddedPostgres({ dataDir });
  const pool = createPool({
    connection: postgres.connection,
    applicationName: 'bench',
    statementTimeoutMs: 120_000,
    onError: (error) => console.error(error.message),
  });
  try {
    const known = new Set(migrations.map(({ name }) => name));
    const views = [checkpointMigration, ...itemView(ring(pool), itemFacts).migrations];
    await migrate(pool, [...migrations, ...views.filter(({ name }) => !known.has(name))]);
    const { pid } = await postmasterOf(dataDir);
    yield await timed(pid, `appending ${events} item events, ${batch} a batch, in this process`, events, () =>
      fill(storeOn(pool), events),
    );
    await pool.query('analyze');
    const rebuilt = await timed(pid, `rebuild of the item view from ${events} events`, events, async () => {
      await rebuild({ db: createKysely(pool), store: storeOn(pool), projection: itemView(ring(pool), itemFacts) });
    });
    const { rows } = await pool.query('select count(*)::int as n from item_view');
    if (rows[0].n !== events / eventsEach) throw new Error(`the view holds ${rows[0].n} items`);
    yield { ...rebuilt, notes: [`${rows[0].n} rows`] };
  } finally {
    await pool.end();
    await postgres.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/** Each has a cache of its own, as large as that of `npm run rebuild`, and begins without keys. */
function ring(pool: pg.Pool) {
  return keyRing({
    maxCached: 200_000,
    table: postgresKeyTable({ pool }),
    master: masterKey(new Uint8Array(32).fill(7)),
  });
}

function storeOn(pool: pg.Pool): EventStore {
  return createEventStore({
    log: postgresEventLog({ pool }),
    keys: ring(pool),
    clock: () => new Date().toISOString() as Instant,
    events: eventRegistry(itemEvents),
  });
}

/** Items in turn, a hundred at a time: each is added once and changed nine times. */
export async function fill(store: EventStore, events: number, tenant: TenantId = demo): Promise<void> {
  const account = accountIdFrom(tenant, 'kari@demo.example');
  const heads = new Map<number, StreamHead>();
  const items = events / eventsEach;
  for (const round of range(eventsEach)) {
    for (let first = 0; first < items; first += batch) {
      const numbers = range(Math.min(batch, items - first)).map((offset) => first + offset);
      const outcome = await store.append(
        tenant,
        numbers.map((number) => write(account, number, round, heads.get(number) ?? emptyHead)),
      );
      if (outcome.kind !== 'appended') throw new Error('a batch met a conflict');
      numbers.forEach((number, index) => {
        heads.set(number, outcome.heads[index]!);
      });
    }
  }
}

function write(account: AccountId, number: number, round: number, head: StreamHead) {
  const item = itemIdOf(account, number);
  const collection = collectionIdFrom(account, 'contact');
  const meta: EventMeta = {
    at: '2026-03-02T09:00:00.000Z' as Instant,
    actor: { kind: 'system' },
    commandId: commandIdFrom(['bench', String(number), String(round)]),
  };
  const event =
    round === 1
      ? itemEvent('contact', 'Added', { collection, owner: account, fields: contactFields(number) })
      : itemEvent('contact', 'Changed', { base: round - 2, set: { jobTitle: `Leder ${round}` }, cleared: [] });
  return {
    stream: itemStream('contact', item),
    head,
    subject: itemSubject(item),
    owner: accountSubject(account),
    events: [{ event, meta }],
  };
}

function itemIdOf(account: AccountId, number: number): ItemId {
  return itemIdFrom(commandIdFrom(['bench item', account, String(number)]));
}

function contactFields(number: number) {
  return {
    fileAs: `Bråthen, Astrid ${number}`,
    givenName: `Astrid ${number}`,
    familyName: 'Bråthen',
    email1: `astrid.${number}@fjord.example`,
    mobilePhone: `+47 900 ${String(number).padStart(5, '0')}`,
    company: `Fjord AS ${number % 97}`,
    jobTitle: 'Daglig leder',
  };
}

async function timed(postmaster: number, scenario: string, count: number, run: () => Promise<void>): Promise<Result> {
  const postgresBefore = await cpuSecondsOf(postmaster);
  const cpuBefore = await cpuSecondsOf(process.pid);
  const started = performance.now();
  await run();
  const seconds = (performance.now() - started) / 1_000;
  const cpu = (await cpuSecondsOf(process.pid)) - cpuBefore;
  const postgresCpuSeconds = (await cpuSecondsOf(postmaster)) - postgresBefore;
  return {
    scenario,
    count,
    unit: 'events',
    seconds,
    perSecond: count / seconds,
    serverCpuSeconds: cpu,
    postgresCpuSeconds,
    cpuMsEach: ((cpu + postgresCpuSeconds) * 1_000) / count,
    serverPeakBytes: process.resourceUsage().maxRSS * 1_024,
    aims: [],
    notes: [],
  };
}
