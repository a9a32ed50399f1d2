import { type Kysely, sql } from 'kysely';
import { NO_POSITION, type Position, type TenantId } from '../../domain/shared/ids.ts';
import type { AnyDatabase, Migration, Statement } from './projection.ts';

/** How far each projection has folded each tenant's log. Written with the rows it stands for, or not at all. */
export const checkpointMigration: Migration = {
  name: '0090_projection_checkpoint',
  async up(db) {
    await sql`
      create table projection_checkpoint (
        tenant text not null,
        projection text not null,
        version integer not null,
        position bigint not null,
        primary key (tenant, projection)
      ) with (fillfactor = 50)`.execute(db);
  },
};

type Versions = readonly { readonly name: string; readonly version: number }[];
type Row = {
  readonly tenant: TenantId;
  readonly projection: string;
  readonly version: number;
  readonly position: string;
};

/** A newer program has made the rows of a read model anew: this one must not write them. */
export class NewerReadModel extends Error {
  override readonly name = 'NewerReadModel';
}

/**
 * Where each of the projections stands; one of an older version stands at the beginning.
 * @throws NewerReadModel unless that is `expected`.
 */
export async function readCheckpoints(
  db: Kysely<AnyDatabase>,
  tenant: TenantId,
  projections: Versions,
  newer: 'expected' | 'thrown' = 'thrown',
): Promise<Map<string, Position>> {
  const { rows } = await sql<Row>`
    select projection, version, position from projection_checkpoint where tenant = ${tenant}
  `.execute(db);
  return positionsOf(rows, projections, newer);
}

/** As `readCheckpoints`, of every tenant that has any, whatever newer programs wrote. */
export async function readAllCheckpoints(
  db: Kysely<AnyDatabase>,
  projections: Versions,
): Promise<Map<TenantId, Map<string, Position>>> {
  const { rows } = await sql<Row>`select tenant, projection, version, position from projection_checkpoint`.execute(db);
  const all = Map.groupBy(rows, ({ tenant }) => tenant);
  return new Map([...all].map(([tenant, rows]) => [tenant, positionsOf(rows, projections, 'expected')]));
}

function positionsOf(rows: readonly Row[], projections: Versions, newer: 'expected' | 'thrown'): Map<string, Position> {
  const stored = new Map(rows.map((row) => [row.projection, row]));
  return new Map(
    projections.map(({ name, version }) => {
      const row = stored.get(name);
      if (row && row.version > version && newer === 'thrown') {
        throw new NewerReadModel(
          `The read model ${name} was written by a newer MobileSync (version ${row.version} > ${version}).`,
        );
      }
      return [name, row && row.version >= version ? (Number(row.position) as Position) : NO_POSITION];
    }),
  );
}

/** A projection's checkpoint is to move on from this position. */
export interface Move {
  readonly name: string;
  readonly version: number;
  readonly from: Position;
}

/** What the database says in the error that gives a page up. */
const movedText = 'checkpoint moved';
/** invalid_text_representation */
const movedCode = '22P02';

/**
 * The end of a statement that begins with `with`: moves checkpoints from their positions to one, and fails, with all
 * else in the statement, unless each stood where it was thought to. One of an earlier version is taken over from
 * wherever it stands. See `unlessMoved` for the error.
 */
export function checkpointMove(tenant: TenantId, moves: readonly Move[], to: Position): Statement {
  const names = moves.map((move) => move.name);
  const versions = moves.map((move) => move.version);
  const froms = moves.map((move) => move.from);
  // Where there may be no row yet, or one of another version.
  const isFirst = moves.some((move) => move.from === NO_POSITION);
  const move = isFirst
    ? sql`
      insert into projection_checkpoint as c (tenant, projection, version, position)
      select ${tenant}, m.name, m.version, ${to}
      from unnest(${names}::text[], ${versions}::integer[]) as m(name, version)
      on conflict (tenant, projection) do update set position = excluded.position, version = excluded.version
        where c.version < excluded.version or (c.version = excluded.version and c.position = (
          select f.at from unnest(${names}::text[], ${froms}::bigint[]) as f(name, at) where f.name = c.projection))
      returning 1`
    : sql`
      update projection_checkpoint c set position = ${to}
      from unnest(${names}::text[], ${versions}::integer[], ${froms}::bigint[]) as m(name, version, "from")
      where c.tenant = ${tenant} and c.projection = m.name and c.version = m.version and c.position = m."from"
      returning 1`;
  // A number when all moved; else what cannot be one, which is how a statement without a function can fail.
  return sql`moved as (${move})
    select (case when count(*) = ${moves.length} then '1' else ${sql.lit(movedText)} end)::integer from moved`;
}

/** The error, unless it is the one by which `checkpointMove` gives up: then undefined. */
export function unlessMoved(error: unknown): unknown {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return code === movedCode && String(message).includes(movedText) ? undefined : error;
}

/** Another runner was faster, or is newer: nothing of the page was written. */
export class CheckpointMoved extends Error {
  override readonly name = 'CheckpointMoved';
}
