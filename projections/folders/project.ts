import { sql } from 'kysely';
import { idOfStream } from '../../domain/account/stream.ts';
import type { FolderEvent } from '../../domain/folder/events.ts';
import type { AccountId, Position } from '../../domain/shared/ids.ts';
import type { Page, Projection } from '../runner/projection.ts';
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
    async project(page) {
      const changes = new Map<string, Change>();
      const forgotten = new Set<AccountId>();
      const touched = new Map<string, readonly Position[]>();
      for (const recorded of page.events) {
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
        page.later(sql`delete from folder_view where account = any(${[...forgotten]}::text[])`);
      }
      const present = [...changes.values()].filter((change) => !forgotten.has(change.account));
      if (present.length > 0) write(page, present);
      return touched.size > 0 ? touched : undefined;
    },
  };
}

function write(page: Page, changes: readonly Change[]): void {
  const gone = changes.filter(({ added }) => !added);
  if (gone.length > 0) {
    page.later(sql`
      delete from folder_view f
      using unnest(${gone.map((row) => row.account)}::text[], ${gone.map((row) => row.collection)}::text[])
        as n(account, collection)
      where f.account = n.account and f.collection = n.collection`);
  }
  const added = changes.flatMap(({ account, added }) => (added ? [{ account, ...added }] : []));
  if (added.length === 0) return;
  page.later(sql`
    insert into folder_view (collection, account, tenant, kind, wire_type, access, owner, source)
    select n.collection, n.account, ${page.tenant}, n.kind, n.wire_type, n.access, n.owner, n.source
    from unnest(
      ${added.map((row) => row.collection)}::text[],
      ${added.map((row) => row.account)}::text[],
      ${added.map((row) => row.kind)}::text[],
      ${added.map((row) => row.wireType)}::smallint[],
      ${added.map((row) => row.access)}::text[],
      ${added.map((row) => row.owner ?? null)}::text[],
      ${added.map((row) => row.source ?? null)}::text[])
      as n(collection, account, kind, wire_type, access, owner, source)
    on conflict (account, collection) do update set tenant = excluded.tenant, kind = excluded.kind,
      wire_type = excluded.wire_type, access = excluded.access, owner = excluded.owner, source = excluded.source`);
}
