/**
 * A database that was brought back to an earlier point than the event store beside it lacks the keys made since. What
 * these sealed cannot be read again; what must not happen is that others are made in their place, under which the old
 * events would count as forged.
 */
import type pg from 'pg';
import { NO_POSITION, type Position, type SubjectId, type TenantId } from '../../domain/shared/ids.ts';
import type { EventLog } from '../event-log/port.ts';
import { splitPayload } from '../event-log/sealed.ts';

export interface LostKeys {
  readonly tenant: TenantId;
  readonly subjects: readonly SubjectId[];
  /** Sealed by them. */
  readonly events: number;
}

const pageSize = 500;

/**
 * Of each tenant with any: who has events in the log and no key, not even a destroyed one.
 * @param after positions of tenants up to which the database is known to have the keys; the whole log is read without.
 */
export async function lostKeys(
  client: Pick<pg.PoolClient, 'query'>,
  log: Pick<EventLog, 'readAll' | 'tenants'>,
  after: ReadonlyMap<TenantId, Position> = new Map(),
): Promise<LostKeys[]> {
  const lost: LostKeys[] = [];
  for (const { tenant, head } of await log.tenants()) {
    const from = after.get(tenant) ?? NO_POSITION;
    if (head <= from) continue;
    const counts = new Map<SubjectId, number>();
    for (let last = from; ; ) {
      const page = await log.readAll(tenant, last, pageSize);
      for (const { payload } of page) {
        const { subject } = splitPayload(payload);
        counts.set(subject, (counts.get(subject) ?? 0) + 1);
      }
      if (page.length === 0) break;
      last = page.at(-1)!.position;
    }
    const { rows } = await client.query<{ subject: SubjectId }>(
      `select s as subject from unnest($2::text[]) as s
        where not exists (select from data_keys where tenant = $1 and subject = s)`,
      [tenant, [...counts.keys()]],
    );
    const subjects = rows.map(({ subject }) => subject);
    const events = subjects.reduce((all, subject) => all + (counts.get(subject) ?? 0), 0);
    if (subjects.length > 0) lost.push({ tenant, subjects, events });
  }
  return lost;
}

/** From here on what they sealed reads as forgotten, as if it had been erased. */
export async function giveUpKeys(client: Pick<pg.PoolClient, 'query'>, lost: readonly LostKeys[]): Promise<void> {
  for (const { tenant, subjects } of lost)
    await client.query(
      `insert into data_keys (tenant, subject, owner, wrapped, destroyed_at)
        select $1, s, s, null, now() from unnest($2::text[]) as s on conflict (tenant, subject) do nothing`,
      [tenant, subjects],
    );
}
