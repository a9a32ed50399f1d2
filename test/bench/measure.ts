/** One measurement: what was asked, how long it took, and what it cost the server. */
import type pg from 'pg';
import type { ServerProcess } from '../server-process.ts';
import { number, percentile } from './figures.ts';
import { cpuSecondsOf, forgetPeak, proportionalBytes, residentBytes } from './proc.ts';

export interface Aim {
  readonly what: string;
  readonly limit: number;
  readonly actual: number;
  readonly unit: string;
}

/** One of several that were asked the same in turns. */
export interface Beside {
  readonly name: string;
  readonly perSecond: number;
  /** Of `perSecond`, to the one that the others are compared with. */
  readonly ratio: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Of the process that asks the log, or of the server. */
  readonly cpuMsEach: number;
}

export interface Result {
  readonly scenario: string;
  /** How many of what: requests unless the scenario says otherwise. */
  readonly count: number;
  readonly unit: string;
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50Ms?: number;
  readonly p95Ms?: number;
  readonly p99Ms?: number;
  readonly serverCpuSeconds?: number;
  readonly postgresCpuSeconds?: number;
  /** Server and PostgreSQL together, for one of the counted. */
  readonly cpuMsEach?: number;
  readonly serverPeakBytes?: number;
  readonly postgresBytes?: number;
  /** Inserted, updated and deleted in the database. */
  readonly rowsWritten?: number;
  readonly walBytes?: number;
  readonly beside?: readonly Beside[];
  readonly aims: readonly Aim[];
  readonly notes: readonly string[];
}

export interface Measured {
  readonly pool: pg.Pool;
  readonly server: ServerProcess;
  readonly postmasterPid: number;
  /** Row counts come late from idle connections: exact ones take 11 s. */
  readonly exactRows: boolean;
}

export class Recorder {
  readonly samples: number[] = [];
  readonly notes: string[] = [];
  readonly aims: Aim[] = [];
  /** Counted instead of the samples, when the unit is another. */
  count: number | undefined;

  /** Measures one request in milliseconds. */
  async time<T>(run: () => Promise<T>): Promise<T> {
    const started = performance.now();
    const result = await run();
    this.samples.push(performance.now() - started);
    return result;
  }
}

export interface Measurement {
  readonly scenario: string;
  readonly unit?: string;
  /** Milliseconds of CPU (server and PostgreSQL) for one of the counted. */
  readonly aimCpuMs?: number;
  /** Rows written at most. */
  readonly aimRows?: number;
  readonly run: (recorder: Recorder) => Promise<void>;
}

export async function measure(measured: Measured, measurement: Measurement): Promise<Result> {
  const { server, postmasterPid, pool } = measured;
  const { scenario, unit = 'requests', aimCpuMs, aimRows, run } = measurement;
  const recorder = new Recorder();
  await forgetPeak(server.pid);
  const rowsBefore = await rowsWritten(measured);
  const walBefore = await wal(pool);
  const [serverBefore, postgresBefore] = [await cpuSecondsOf(server.pid), await cpuSecondsOf(postmasterPid)];
  const started = performance.now();
  await run(recorder);
  const seconds = (performance.now() - started) / 1_000;
  const serverCpuSeconds = (await cpuSecondsOf(server.pid)) - serverBefore;
  const postgresCpuSeconds = (await cpuSecondsOf(postmasterPid)) - postgresBefore;
  const walBytes = (await wal(pool)) - walBefore;
  const { peak } = await residentBytes(server.pid);
  const postgresBytes = await proportionalBytes(postmasterPid);
  const byTable = await rowsWritten(measured);
  for (const [name, count] of rowsBefore) byTable.set(name, (byTable.get(name) ?? 0) - count);
  const rows = [...byTable.values()].reduce((sum, count) => sum + count, 0);
  const { samples } = recorder;
  const count = recorder.count ?? samples.length;
  const cpuMsEach = ((serverCpuSeconds + postgresCpuSeconds) * 1_000) / count;
  const aims = [...recorder.aims];
  if (aimCpuMs !== undefined) aims.push({ what: 'CPU each', limit: aimCpuMs, actual: cpuMsEach, unit: 'ms' });
  if (aimRows !== undefined && measured.exactRows)
    aims.push({ what: 'rows written', limit: aimRows, actual: rows, unit: '' });
  return {
    scenario,
    count,
    unit,
    seconds,
    perSecond: count / seconds,
    ...(samples.length > 0
      ? { p50Ms: percentile(samples, 0.5), p95Ms: percentile(samples, 0.95), p99Ms: percentile(samples, 0.99) }
      : {}),
    serverCpuSeconds,
    postgresCpuSeconds,
    cpuMsEach,
    serverPeakBytes: peak,
    postgresBytes,
    rowsWritten: rows,
    walBytes,
    aims,
    notes: rows > 0 ? [...recorder.notes, `rows each: ${rowsEach(byTable, count)}`] : recorder.notes,
  };
}

/** By table. A backend tells its counts at most once a second, and an idle one after ten (pgstat.c). */
async function rowsWritten({ pool, exactRows }: Measured): Promise<Map<string, number>> {
  await new Promise((resolve) => setTimeout(resolve, exactRows ? 11_000 : 1_500));
  const { rows } = await pool.query<{ name: string; count: number }>(
    'select relname as name, (n_tup_ins + n_tup_upd + n_tup_del)::float8 as count from pg_stat_user_tables',
  );
  return new Map(rows.map(({ name, count }) => [name, count]));
}

/** `events 2.00, streams 1.00`: for one of the counted, the most first. */
function rowsEach(byTable: ReadonlyMap<string, number>, count: number): string {
  const written = [...byTable].filter(([, rows]) => rows > 0).sort(([, left], [, right]) => right - left);
  return written.map(([name, rows]) => `${name} ${number(rows / count)}`).join(', ');
}

async function wal(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query(`select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as n`);
  return rows[0].n;
}
