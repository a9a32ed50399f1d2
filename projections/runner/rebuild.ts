/**
 * Makes one read model anew from the log, beside the live one and also beside a running server: the projection's own
 * migrations and its own `project` run in a schema of their own, page by page with a checkpoint, so that a rebuild that
 * was cut goes on. Then, with the live tables locked, the rest is folded, both are compared at the same position, and
 * the new tables take the live ones' place in that same transaction.
 */
import { type Kysely, sql, type Transaction } from 'kysely';
import type { EventStore, RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import { NO_POSITION, type Position, type TenantId } from '../../domain/shared/ids.ts';
import { checkpointMigration, readCheckpoints } from './checkpoints.ts';
import { type Comparison, compareTables, type TableComparison } from './compare.ts';
import { PageWrites } from './page.ts';
import type { AnyDatabase, Gathering, Projection, Statement } from './projection.ts';

export interface RebuildOptions {
  /** At least three connections. */
  readonly db: Kysely<AnyDatabase>;
  readonly store: Pick<EventStore, 'readAll' | 'head' | 'tenants'>;
  readonly projection: Projection;
  readonly comparison?: Comparison;
  /** Events folded in one transaction; 1,000 unless told. */
  readonly pageSize?: number;
  /** Events that one checkpoint may stand for, where a read model gathers; 500,000 unless told. */
  readonly checkpointEvents?: number;
  /** Compares and leaves everything as it is. */
  readonly isDryRun?: boolean;
  /** Told once nobody else does it. */
  readonly onBegin?: () => Promise<void> | void;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly tenant: TenantId;
  /** Events folded in this run, of all tenants. */
  readonly events: number;
  readonly perSecond: number;
}

export interface RebuildReport {
  readonly events: number;
  /** Of the tables; empty when the live ones were of another version, and nothing can be said. */
  readonly tables: readonly TableComparison[];
  readonly isSwapped: boolean;
}

/** It cannot be done safely now; the message says why. */
export class RebuildRefused extends Error {
  override readonly name: string = 'RebuildRefused';
}

/** Another process does it just now. */
export class RebuildBusy extends RebuildRefused {
  override readonly name = 'RebuildBusy';
}

const rebuildLock = 0x6d73_7262;
/** Rows that are gathered before they are written. */
const gatheredMax = 60_000;
const rowsTogether = 2_000;
const attemptsMax = 5;
/** Deadlock, and a lock that took too long: a runner's page was in the way. */
const retryCodes: readonly unknown[] = ['40P01', '55P03'];

/** @throws RebuildRefused while another rebuild of the same read model runs, or a newer program wrote the live one. */
export async function rebuild(options: RebuildOptions): Promise<RebuildReport> {
  const { db, projection } = options;
  return await db.connection().execute(async (holder) => {
    const taken = await sql<{ mine: boolean }>`
      select pg_try_advisory_lock(${rebuildLock}, hashtext(${projection.name})) as mine`.execute(holder);
    if (!taken.rows[0]?.mine) throw new RebuildBusy(`${projection.name} is being rebuilt by another process.`);
    try {
      await options.onBegin?.();
      return await new Rebuild(options).run();
    } finally {
      await sql`select pg_advisory_unlock(${rebuildLock}, hashtext(${projection.name}))`.execute(holder);
    }
  });
}

class Rebuild {
  readonly #options: RebuildOptions;
  readonly #side: string;
  readonly #startedMs = performance.now();
  #events = 0;

  constructor(options: RebuildOptions) {
    this.#options = options;
    this.#side = `rebuild_${options.projection.name.replaceAll(/[^a-z0-9]/g, '_')}`;
  }

  async run(): Promise<RebuildReport> {
    const { db, store, projection, isDryRun } = this.#options;
    await this.#prepare();
    for (const { tenant, head } of await store.tenants()) {
      // Not beyond the live one: at the same position both must be the same.
      const live = (await readCheckpoints(db, tenant, [projection]).catch(newer)).get(projection.name) ?? NO_POSITION;
      await this.#catchUp(tenant, live === NO_POSITION ? head : live);
    }
    const result = await this.#finish();
    if (isDryRun) await sql`drop schema ${sql.id(this.#side)} cascade`.execute(db);
    return { events: this.#events, tables: result, isSwapped: !isDryRun };
  }

  /** The empty tables; those of a rebuild that was cut are kept when they are of the same version. */
  async #prepare(): Promise<void> {
    const { db, projection } = this.#options;
    const side = sql.id(this.#side);
    await db.transaction().execute(async (trx) => {
      const found = await sql`select from pg_namespace where nspname = ${this.#side}`.execute(trx);
      if (found.rows.length > 0) {
        const others = await sql`
          select from ${sql.table(`${this.#side}.projection_checkpoint`)} where version <> ${projection.version} limit 1
        `.execute(trx);
        if (others.rows.length === 0) return;
        await sql`drop schema ${side} cascade`.execute(trx);
      }
      await sql`create schema ${side}`.execute(trx);
      await this.#enter(trx);
      for (const migration of [checkpointMigration, ...projection.migrations]) await migration.up(trx);
    });
  }

  /** From here to the end of the transaction every unqualified name means the new tables. */
  async #enter(trx: Transaction<AnyDatabase>): Promise<void> {
    await sql`set local search_path to ${sql.id(this.#side)}`.execute(trx);
    await sql`set local statement_timeout to 0`.execute(trx);
  }

  async #position(trx: Transaction<AnyDatabase>, tenant: TenantId): Promise<Position> {
    const { projection } = this.#options;
    return (await readCheckpoints(trx, tenant, [projection])).get(projection.name) ?? NO_POSITION;
  }

  async #catchUp(tenant: TenantId, to: Position): Promise<void> {
    const { db, projection } = this.#options;
    for (let isBehind = true; isBehind; ) {
      isBehind = await db.transaction().execute(async (trx) => {
        await this.#enter(trx);
        return projection.gather
          ? await this.#gathered(trx, tenant, to, projection.gather())
          : await this.#page(trx, tenant, to);
      });
    }
  }

  /** Folds pages until enough is gathered, and writes it with one checkpoint; false when there was nothing more. */
  async #gathered(
    trx: Transaction<AnyDatabase>,
    tenant: TenantId,
    to: Position,
    gathering: Gathering,
  ): Promise<boolean> {
    const { store, projection, pageSize = 1_000, checkpointEvents = 500_000 } = this.#options;
    const from = await this.#position(trx, tenant);
    let position = from;
    let folded = 0;
    // The next page is read while this one is folded.
    let reading = from < to ? store.readAll(tenant, from, pageSize) : undefined;
    while (reading) {
      const page: readonly RecordedEvent[] = await reading;
      const events = page.filter((event) => event.position <= to);
      const last = events.at(-1);
      if (!last) throw new Error(`the log of ${tenant} ends before position ${to}`);
      position = last.position;
      const isEnough = gathering.size >= gatheredMax || folded + events.length >= checkpointEvents;
      reading = position < to && !isEnough ? store.readAll(tenant, position, pageSize) : undefined;
      reading?.catch(() => undefined);
      await gathering.add({ tenant, events, read: trx });
      folded += events.length;
      this.#progress(tenant, events.length);
    }
    if (position === from) return false;
    while (gathering.size > 0) {
      const statements: Statement[] = [];
      await gathering.write({ tenant, later: (statement) => statements.push(statement) }, rowsTogether);
      for (const statement of statements) await statement.execute(trx);
    }
    const move = { name: projection.name, version: projection.version, from };
    await new PageWrites(trx, tenant).execute([move], position);
    return position < to;
  }

  #progress(tenant: TenantId, events: number): void {
    this.#events += events;
    const seconds = (performance.now() - this.#startedMs) / 1_000;
    this.#options.onProgress?.({ tenant, events: this.#events, perSecond: Math.round(this.#events / seconds) });
  }

  /** Folds one page up to the position; false when there was nothing more. */
  async #page(trx: Transaction<AnyDatabase>, tenant: TenantId, to: Position): Promise<boolean> {
    const { store, projection, pageSize = 1_000 } = this.#options;
    const from = await this.#position(trx, tenant);
    if (from >= to) return false;
    const page = await store.readAll(tenant, from, pageSize);
    const events = page.filter(({ position }) => position <= to);
    const last = events.at(-1);
    if (!last) throw new Error(`the log of ${tenant} ends before position ${to}`);
    const writes = new PageWrites(trx, tenant);
    await projection.project(writes.page(from, events));
    const move = { name: projection.name, version: projection.version, from };
    await writes.execute([move], last.position as Position);
    this.#progress(tenant, events.length);
    return last.position < to;
  }

  async #finish(): Promise<TableComparison[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#options.db.transaction().execute((trx) => this.#swap(trx));
      } catch (error) {
        if (attempt === attemptsMax || !retryCodes.includes((error as { code?: unknown }).code)) throw error;
      }
    }
  }

  async #swap(trx: Transaction<AnyDatabase>): Promise<TableComparison[]> {
    const { projection, comparison = {}, isDryRun } = this.#options;
    await sql`set local lock_timeout to '10s'`.execute(trx);
    const { rows: where } = await sql<{ live: string; path: string }>`
      select current_schema() as live, current_setting('search_path') as path`.execute(trx);
    const { live, path } = where[0] as { live: string; path: string };
    const { rows: named } = await sql<{ name: string; is_live: boolean }>`
      select tablename as name, to_regclass(format('%I.%I', ${live}::text, tablename)) is not null as is_live
      from pg_tables where schemaname = ${this.#side} and tablename <> 'projection_checkpoint' order by tablename
    `.execute(trx);
    const liveTables = named.filter(({ is_live }) => is_live).map(({ name }) => sql.table(`${live}.${name}`));
    // As a runner does it: the tables first, then the checkpoints. It stands still until this is over.
    if (liveTables.length > 0) await sql`lock table ${sql.join(liveTables)} in access exclusive mode`.execute(trx);
    const { rows: checkpoints } = await sql<{ tenant: TenantId; version: number; position: Position }>`
      select tenant, version, position from projection_checkpoint where projection = ${projection.name} for update
    `.execute(trx);
    if (checkpoints.some(({ version }) => version > projection.version)) throw newerError(projection.name);
    const isComparable = checkpoints.every(({ version }) => version === projection.version);

    await this.#enter(trx);
    for (const { tenant, version, position } of checkpoints) {
      if (version === projection.version) while (await this.#page(trx, tenant, Number(position) as Position));
    }
    await sql`select set_config('search_path', ${path}, true)`.execute(trx);
    const tables = isComparable
      ? await compareTables(
          trx,
          { live, side: this.#side },
          named.filter(({ is_live }) => is_live).map(({ name }) => name),
          comparison,
        )
      : [];
    if (isDryRun) return tables;

    for (const { name, is_live } of named) {
      if (is_live) await sql`drop table ${sql.table(`${live}.${name}`)}`.execute(trx);
      await sql`alter table ${sql.table(`${this.#side}.${name}`)} set schema ${sql.id(live)}`.execute(trx);
    }
    await sql`delete from projection_checkpoint where projection = ${projection.name}`.execute(trx);
    await sql`
      insert into projection_checkpoint (tenant, projection, version, position)
      select tenant, projection, version, position from ${sql.table(`${this.#side}.projection_checkpoint`)}
    `.execute(trx);
    await sql`drop schema ${sql.id(this.#side)} cascade`.execute(trx);
    return tables;
  }
}

function newerError(name: string): RebuildRefused {
  return new RebuildRefused(`${name} was written by a newer MobileSync; rebuild it with that.`);
}

function newer(error: unknown): never {
  if (error instanceof Error && error.message.includes('newer MobileSync')) throw new RebuildRefused(error.message);
  throw error;
}
