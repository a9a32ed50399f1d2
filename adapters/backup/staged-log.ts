/**
 * The events of a backup on their way into a log that is not in the database: laid out in tables of the session's own,
 * proven there, and copied from there while nothing is committed.
 */
import type pg from 'pg';
import type { TenantId } from '../../domain/shared/ids.ts';
import type { EventLog } from '../event-log/port.ts';
import { appendAsStored } from '../log-copy/as-stored.ts';
import { LogsDiffer } from '../log-copy/difference.ts';
import { type Manifest, NoBackup } from './manifest.ts';
import { logTableNames } from './tables.ts';

const pageSize = 500;

/**
 * From here on the tables of the log are empty ones that only this session sees, until its transaction ends: a
 * temporary table stands before one of the same name. The database's own are left as they are.
 */
export async function stageLog(client: Pick<pg.PoolClient, 'query'>): Promise<void> {
  for (const name of logTableNames)
    await client.query(`create temporary table ${name} (like ${name} including all) on commit drop`);
}

/**
 * Appends to `log` what `staged` holds of the tenants and `log` does not yet. What was appended by a call that was cut
 * is compared and gone on from.
 * @throws NoBackup when `log` holds anything that is not in the backup: nothing is taken back from a log.
 */
export async function fillLog(
  log: EventLog,
  staged: Pick<EventLog, 'readAll'>,
  tenants: Manifest['tenants'],
  onProgress: (tenant: string, position: number) => void = () => {},
): Promise<void> {
  await mustBeBehind(log, tenants);
  for (const { tenant, position } of tenants as { readonly tenant: TenantId; readonly position: number }[]) {
    for (let last = 0; last < position; ) {
      const page = await staged.readAll(tenant, last as never, pageSize);
      if (page.length === 0) throw new NoBackup(`The backup holds no position ${last + 1} of ${tenant}.`);
      await appendAsStored(log, tenant, page).catch((error: unknown) => {
        throw error instanceof LogsDiffer ? new NoBackup(otherwise(error.message)) : error;
      });
      last = page.at(-1)!.position;
      onProgress(tenant, last);
    }
  }
}

/** Before anything is appended: it would have to be taken back again. */
async function mustBeBehind(log: EventLog, tenants: Manifest['tenants']): Promise<void> {
  const ends = new Map(tenants.map(({ tenant, position }) => [tenant, position]));
  for (const { tenant, head } of await log.tenants()) {
    const end = ends.get(tenant) ?? 0;
    if (head > end) throw new NoBackup(otherwise(`${tenant} goes on to position ${head} and is backed up to ${end}`));
  }
}

function otherwise(what: string): string {
  return `The event store holds what is not in the backup (${what}), and never gives up what it holds: name another prefix (EVENTSTORE_PREFIX) or an empty store, and restore again.`;
}

/** Whether the log holds at least as much of every tenant as the backup, by its heads alone. */
export async function reaches(log: Pick<EventLog, 'head'>, tenants: Manifest['tenants']): Promise<boolean> {
  for (const { tenant, position } of tenants) if ((await log.head(tenant as TenantId)) < position) return false;
  return true;
}
