/**
 * The items of folders as they are compared with what phones bring. A folder is read and opened once when a phone
 * begins with it, and followed from there for as long as phones bring more; of what items say only what is compared is
 * kept, texts as hashes, and for minutes.
 */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Fields, ItemKind } from '../../domain/item/fields.ts';
import type { Likening } from '../../domain/matching/person.ts';
import { type Traits, traitsOf } from '../../domain/matching/traits.ts';
import type { CollectionId, ItemId, Position, TenantId, TimeZoneName } from '../../domain/shared/ids.ts';
import type { ItemRow, ItemView } from '../../projections/item-view/read.ts';
import { IndexOfTraits } from './index-of-traits.ts';
import { likeningFor } from './likening.ts';

type Open = (tenant: TenantId, rows: readonly ItemRow[]) => Promise<Map<ItemId, Fields>>;

export interface CandidatesOptions {
  readonly view: Pick<ItemView, 'changedSince'>;
  /** Opens rows; long bodies may stay names. */
  readonly openBriefly: Open;
  /** Opens rows whole. */
  readonly open: Open;
}

export interface FolderQuery {
  readonly tenant: TenantId;
  readonly collection: CollectionId;
  readonly kind: ItemKind;
  /** The person's: in which country a number without its code is. */
  readonly timeZone: TimeZoneName;
}

interface Known {
  position: Position;
  readonly items: IndexOfTraits;
}

const knownMs = 600_000;
/** All folders together; an item takes a few hundred bytes. */
const itemsMax = 100_000;
/** A folder of more is not compared: reading it would keep the phone waiting. */
const folderItemsMax = 20_000;
const pageSize = 256;
/** A note is compared by its body, which may be long. */
const pageSizeOfNotes = 16;

export class FolderCandidates {
  readonly #options: CandidatesOptions;
  readonly #folders = new LRUCache<string, Known>({
    ttl: knownMs,
    maxSize: itemsMax,
    sizeCalculation: ({ items }) => items.size + 1,
  });

  constructor(options: CandidatesOptions) {
    this.#options = options;
  }

  likening({ timeZone }: Pick<FolderQuery, 'timeZone'>): Likening {
    return likeningFor(timeZone);
  }

  traits({ kind, timeZone }: Pick<FolderQuery, 'kind' | 'timeZone'>, fields: Fields): Traits {
    const traits = traitsOf(kind, fields, likeningFor(timeZone));
    const { content, key } = traits;
    return {
      ...traits,
      content: content === '' ? '' : digest(content),
      ...(key ? { key: { ...key, text: digest(key.text) } } : {}),
    };
  }

  /**
   * The folder's items. `isFollowed` says that nothing moved in it after the position but what was noted here; then
   * the view is not asked. Empty where there are too many.
   */
  async of(
    query: FolderQuery,
    isFollowed: (position: Position) => boolean | Promise<boolean>,
  ): Promise<Pick<IndexOfTraits, 'has' | 'like'>> {
    const name = nameOf(query);
    const known = this.#folders.get(name) ?? { position: 0 as Position, items: new IndexOfTraits() };
    // Asked first also where all is to be read: from then on it is known what moves.
    const isCurrent = await isFollowed(known.position);
    if (!isCurrent || known.position === 0) await this.#read(query, known);
    this.#folders.set(name, known);
    return known.items.size > folderItemsMax ? new IndexOfTraits() : known.items;
  }

  /** A phone brings this item, so it need not be read when it is there. */
  note(query: FolderQuery, item: ItemId, traits: Traits): void {
    this.#folders.get(nameOf(query))?.items.set(item, traits);
  }

  async #read(query: FolderQuery, known: Known): Promise<void> {
    const { view, open, openBriefly } = this.#options;
    const { tenant, collection, kind } = query;
    const limit = kind === 'note' ? pageSizeOfNotes : pageSize;
    for (;;) {
      const rows = await view.changedSince(tenant, collection, known.position, limit);
      const opened = await (kind === 'note' ? open : openBriefly)(tenant, rows);
      for (const { item } of rows) {
        const fields = opened.get(item);
        if (fields) known.items.set(item, this.traits(query, fields));
        else known.items.delete(item);
      }
      const last = rows.at(-1);
      if (last) known.position = last.position;
      if (rows.length < limit || known.items.size > folderItemsMax) return;
    }
  }
}

function nameOf({ tenant, collection, timeZone }: FolderQuery): string {
  return `${tenant}/${collection}/${timeZone}`;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
