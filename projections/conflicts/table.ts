/**
 * The conflicts that were kept, one row a `ConflictKept`, and how each was decided since. Names of fields, no values:
 * both versions stay sealed in the item's stream. Whose item it is and who acted is told by the item log, at the same
 * position.
 */
import { sql } from 'kysely';
import type { ConflictChoice } from '../../domain/conflict/events.ts';
import type { ConflictRule } from '../../domain/conflict/merge.ts';
import type { ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import type { Migration } from '../runner/projection.ts';

export interface ItemConflictTable {
  tenant: TenantId;
  item: ItemId;
  /** Of the ConflictKept in the item's stream. */
  revision: number;
  position: Position;
  rule: ConflictRule;
  loser: 'client' | 'server';
  /** The loser wanted the item gone. */
  lost_removal: boolean;
  contested: string[];
  /** The revision of the ConflictDecided, and for whom; null while it is open. */
  decided: number | null;
  decided_for: ConflictChoice | null;
}

export const conflictsMigration: Migration = {
  name: '0210_conflicts',
  async up(db) {
    await sql`
      create table item_conflict (
        tenant text not null,
        item text not null,
        revision integer not null,
        position bigint not null,
        rule text not null,
        loser text not null,
        lost_removal boolean not null,
        contested text[] not null,
        decided integer,
        decided_for text,
        primary key (tenant, item, revision)
      )`.execute(db);
    await sql`create unique index item_conflict_by_position on item_conflict (tenant, position)`.execute(db);
    await sql`create index item_conflict_open on item_conflict (tenant, position) where decided is null`.execute(db);
  },
};
