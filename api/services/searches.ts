/** Finding items by what happened to them and by their words, with the names that people know. */
import type { FindOptions, FoundItem, ItemFinder, Looked } from '../../adapters/history/find.ts';
import { folderNamed } from '../../domain/folder/named.ts';
import type { Folder } from '../../domain/folder/state.ts';
import type { AccountId, CollectionId, Position, TenantId } from '../../domain/shared/ids.ts';
import type { ItemEventFilter } from '../../projections/item-log/read.ts';
import type { Directory, Person } from './directory.ts';

export interface FoundRow extends FoundItem {
  readonly ownerEmail: string | null;
  /** As it is named now; null for a folder that is gone. */
  readonly folder: string | null;
}

export type SearchStep =
  | { readonly kind: 'found'; readonly row: FoundRow; readonly looked: number }
  | ({ readonly kind: 'looked' } & Looked);

export interface SearchPage {
  readonly rows: readonly FoundRow[];
  readonly looked: number;
  /** To go on after; null when all was looked at. */
  readonly next: Position | null;
}

/** Items that one page looks at, where few of them fit. */
const lookedMax = 5_000;

export class Searches {
  readonly #finder: ItemFinder;
  readonly #directory: Pick<Directory, 'account' | 'folders'>;

  constructor(finder: ItemFinder, directory: Pick<Directory, 'account' | 'folders'>) {
    this.#finder = finder;
    this.#directory = directory;
  }

  async *find(tenant: TenantId, filter: ItemEventFilter, options: FindOptions): AsyncIterable<SearchStep> {
    for await (const step of this.#finder.find(tenant, filter, options)) {
      if (step.kind === 'looked') yield step;
      else yield { ...step, row: { ...step.item, ...(await this.#namesOf(tenant, step.item)) } };
    }
  }

  /** At most `limit` rows, and as many items looked at as one request may ask for. */
  async page(
    tenant: TenantId,
    filter: ItemEventFilter,
    { limit, ...options }: FindOptions & { readonly limit: number },
  ): Promise<SearchPage> {
    const rows: FoundRow[] = [];
    let looked = 0;
    for await (const step of this.find(tenant, filter, options)) {
      if (step.kind === 'found') {
        rows.push(step.row);
        looked = step.looked;
        if (rows.length === limit) return { rows, looked, next: step.row.event.position };
      } else {
        looked = step.looked;
        if (step.position === null || looked >= lookedMax) return { rows, looked, next: step.position };
      }
    }
    return { rows, looked, next: null };
  }

  /** By its id, or by its name in any case; undefined where the person has no such folder. */
  async folder({ tenant, account }: Person, named: string): Promise<Folder | undefined> {
    return folderNamed(await this.#directory.folders(tenant, account.id), named);
  }

  async #namesOf(tenant: TenantId, { owner, collection }: FoundItem) {
    if (!owner) return { ownerEmail: null, folder: null };
    const account = await this.#directory.account(tenant, owner as AccountId);
    const tree = await this.#directory.folders(tenant, owner as AccountId);
    return {
      ownerEmail: account.kind === 'account' ? account.email : null,
      folder: tree.get(collection as CollectionId)?.displayName ?? null,
    };
  }
}
