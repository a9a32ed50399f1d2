import { sql, type Transaction } from 'kysely';
import { idOfStream } from '../../domain/account/stream.ts';
import type { FolderEvent } from '../../domain/folder/events.ts';
import type { AccountId, Position, TenantId } from '../../domain/shared/ids.ts';
import type { AnyDatabase, Projection } from '../runner/projection.ts';
import { foldersMigration } from './table.ts';

type Added = (FolderEvent & { type: 'FolderAdded' })['data'];

interface Change {
  readonly account: AccountId;
  readonly collection: string;
  /** Null is gone. */
  readonly added: Added | null;
}

/** What waits for a change of an account's hierarchy listens to this topic. */
export const foldersTopic = (account: AccountId) => `folders/${account}`;

export function foldersView(): Projection {
  return {
    name: 'folders',
    version: 1,
    migrations: [foldersMigration],
    async project(trx, tenant, events) {
      const changes = new Map<string, Change>();
      const forgotten = new Set<AccountId>();
      const touched = new Map<string, readonly Position[]>();
      for (const recorded of events) {
        const account = idOfStream(recorded.stream, 'folders');
        if (!account) continue;
        touched.set(foldersTopic(account), [recorded.position]);
        if (recorded.type === 'Forgotten') {
          forgotten.add(account);
          continue;
        }
        const event = { type: recorded.type, data: recorded.data } as FolderEvent;
        const { collection } = event.data;
        const added = event.type === 'FolderAdded' ? event.data : null;
        if (added || event.type === 'FolderRemoved')
          changes.set(`${account}/${collection}`, { account, collection, added });
      }
      if (forgotten.size > 0) {
        await sql`delete from folder_view where account = any(${[...forgotten]}::text[])`.execute(trx);
      }
      const present = [...changes.values()].filter((change) => !forgotten.has(change.account));
      if (present.length > 0) await write(trx, tenant, present);
      return touched.size > 0 ? touched : undefined;
    },
  };
}

async function write(trx: Transaction<AnyDatabase>, tenant: TenantId, changes: readonly Change[]): Promise<void> {
  await sql`
    delete from folder_view f
    using unnest(${changes.map((row) => row.account)}::text[], ${changes.map((row) => row.collection)}::text[])
      as n(account, collection)
    where f.account = n.account and f.collection = n.collection`.execute(trx);
  const added = changes.flatMap(({ account, added }) => (added ? [{ account, ...added }] : []));
  await sql`
    insert into folder_view (collection, account, tenant, kind, wire_type, access, owner, source)
    select n.collection, n.account, ${tenant}, n.kind, n.wire_type, n.access, n.owner, n.source
    from unnest(
      ${added.map((row) => row.collection)}::text[],
      ${added.map((row) => row.account)}::text[],
      ${added.map((row) => row.kind)}::text[],
      ${added.map((row) => row.wireType)}::smallint[],
      ${added.map((row) => row.access)}::text[],
      ${added.map((row) => row.owner ?? null)}::text[],
      ${added.map((row) => row.source ?? null)}::text[])
      as n(collection, account, kind, wire_type, access, owner, source)`.execute(trx);
}
