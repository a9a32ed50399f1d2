import { type Kysely, sql, type Transaction } from 'kysely';
import { NO_POSITION, type Position, type TenantId } from '../../domain/shared/ids.ts';
import type { AnyDatabase, Migration } from './projection.ts';

/** How far each projection has folded each tenant's log. Written with the rows it stands for, in one transaction. */
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

export interface Checkpoint {
  readonly projection: string;
  readonly version: number;
  readonly position: Position;
}

export async function readCheckpoints(
  db: Kysely<AnyDatabase>,
  tenant: TenantId,
  projections: readonly { name: string; version: number }[],
): Promise<Map<string, Position>> {
  const { rows } = await sql<{ projection: string; version: number; position: string }>`
    select projection, version, position from projection_checkpoint where tenant = ${tenant}
  `.execute(db);
  const stored = new Map(rows.map((row) => [row.projection, row]));
  return new Map(
    projections.map(({ name, version }) => {
      const row = stored.get(name);
      if (row && row.version > version) {
        throw new Error(
          `The read model ${name} was written by a newer MobileSync (version ${row.version} > ${version}).`,
        );
      }
      return [name, row && row.version === version ? (Number(row.position) as Position) : NO_POSITION];
    }),
  );
}

/**
 * Moves checkpoints from one position to another; one of an earlier version is taken over from wherever it stands.
 * @throws CheckpointMoved when another runner was faster, or is newer; the transaction must then be given up.
 */
export async function moveCheckpoints(
  trx: Transaction<AnyDatabase>,
  tenant: TenantId,
  moves: readonly { name: string; version: number; from: Position }[],
  to: Position,
): Promise<void> {
  const { rows } = await sql`
    insert into projection_checkpoint as c (tenant, projection, version, position)
    select ${tenant}, m.name, m.version, ${to}
    from unnest(
      ${moves.map((move) => move.name)}::text[],
      ${moves.map((move) => move.version)}::integer[],
      ${moves.map((move) => move.from)}::bigint[]) as m(name, version, "from")
    on conflict (tenant, projection) do update set position = excluded.position, version = excluded.version
      where c.version < excluded.version or (c.version = excluded.version and c.position = (
        select f.at from unnest(
          ${moves.map((move) => move.name)}::text[],
          ${moves.map((move) => move.from)}::bigint[]) as f(name, at) where f.name = c.projection))
    returning 1
  `.execute(trx);
  if (rows.length !== moves.length) throw new CheckpointMoved();
}

export class CheckpointMoved extends Error {
  override readonly name = 'CheckpointMoved';
}
