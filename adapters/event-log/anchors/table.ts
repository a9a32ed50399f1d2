/** Anchors in the table `log_anchors`, beside the events. */
import { sql } from 'kysely';
import type pg from 'pg';
import type { TenantId } from '../../../domain/shared/ids.ts';
import type { NamedMigration } from '../../postgres/migrate.ts';
import { type Anchor, anchorShape } from './anchor.ts';
import type { AnchorPlace } from './port.ts';

export const logAnchorsMigration: NamedMigration = {
  name: '0004-log-anchors',
  up: async (db) => {
    await sql`
      create table log_anchors (
        tenant text collate "C" not null,
        nth bigint generated always as identity,
        anchor text not null,
        mac text not null,
        primary key (tenant, nth),
        unique (tenant, mac)
      )`.execute(db);
  },
};

/** The anchors beside the events they hold: whoever rewrites one can rewrite the other, so files keep them too. */
export function anchorTable(pool: pg.Pool): AnchorPlace {
  return {
    name: 'database',
    async read(tenant) {
      const { rows } = await pool.query<{ anchor: string }>(
        'select anchor from log_anchors where tenant = $1 order by nth',
        [tenant],
      );
      return rows.flatMap(({ anchor }) => anchorFrom(anchor) ?? []);
    },
    async readAfter(tenant, mac) {
      const { rows } = await pool.query<{ anchor: string | null }>(
        `select a.anchor from log_anchors k left join log_anchors a on a.tenant = k.tenant and a.nth > k.nth
          where k.tenant = $1 and k.mac = $2 order by a.nth`,
        [tenant, mac],
      );
      if (rows.length === 0) return undefined;
      return rows.flatMap(({ anchor }) => (anchor === null ? [] : (anchorFrom(anchor) ?? [])));
    },
    async append(anchors) {
      await pool.query(
        `insert into log_anchors (tenant, anchor, mac)
          select * from unnest($1::text[], $2::text[], $3::text[]) on conflict (tenant, mac) do nothing`,
        [
          anchors.map(({ tenant }) => tenant),
          anchors.map((anchor) => JSON.stringify(anchor)),
          anchors.map(({ mac }) => mac),
        ],
      );
    },
    async tenants() {
      const { rows } = await pool.query<{ tenant: TenantId }>('select distinct tenant from log_anchors order by 1');
      return rows.map(({ tenant }) => tenant);
    },
  };
}

/** Undefined for what is no anchor: a line cut short by a crash, or changed. */
export function anchorFrom(text: string): Anchor | undefined {
  try {
    const parsed = anchorShape.safeParse(JSON.parse(text));
    return parsed.success ? (parsed.data as Anchor) : undefined;
  } catch {
    return undefined;
  }
}
