/** Items of a person that are perhaps the same, folder by folder. Nothing is changed; see merges.ts for that. */
import type { SyncDeps } from '../../adapters/activesync/deps.ts';
import type { FolderQuery } from '../../adapters/matching/candidates.ts';
import type { Folder } from '../../domain/folder/state.ts';
import type { ItemKind } from '../../domain/item/fields.ts';
import { titleOf } from '../../domain/item/title.ts';
import type { MergeEventData, Sign } from '../../domain/matching/events.ts';
import type { Degree } from '../../domain/matching/judge.ts';
import { suspect } from '../../domain/matching/match.ts';
import type { Traits } from '../../domain/matching/traits.ts';
import type { CollectionId, Instant, ItemId, TenantId } from '../../domain/shared/ids.ts';
import type { OfficeBaselineReader } from '../../projections/office-baseline/read.ts';
import type { Person } from './directory.ts';

export interface Suspect {
  readonly item: ItemId;
  readonly title: string;
  readonly since: Instant;
  /** The office has a record of it. */
  readonly inOffice: boolean;
}

export interface SuspectedPair {
  readonly folder: string;
  readonly collection: CollectionId;
  readonly kind: ItemKind;
  /** How sure it is; see `degrees`. */
  readonly degree: Degree;
  readonly signs: readonly Sign[];
  /** The one that would stay: known to the office, else the older. */
  readonly keep: Suspect;
  readonly other: Suspect;
  /** They were made one before, and a person made them two again. */
  readonly isUnmerged: boolean;
}

export interface DuplicatesOptions {
  readonly deps: Pick<SyncDeps, 'view' | 'open' | 'openBriefly' | 'items' | 'folders' | 'candidates'>;
  readonly baseline: Pick<OfficeBaselineReader, 'ofHome'>;
  readonly settled: (tenant: TenantId) => Promise<void>;
}

const pageSize = 256;
/** A note is compared by its body, which may be long. */
const pageSizeOfNotes = 16;
/** Pairs of one folder that are looked at closer; beyond, merge those and ask again. */
const pairsMax = 2_000;

export class Duplicates {
  readonly #options: DuplicatesOptions;

  constructor(options: DuplicatesOptions) {
    this.#options = options;
  }

  /**
   * The pairs of the person's own folders, the surest of each folder first.
   * @param wanted CollectionId or name of one folder. `unknownFolder` when there is none.
   */
  async of(person: Person, wanted?: string): Promise<SuspectedPair[] | 'unknownFolder'> {
    const { deps, settled } = this.#options;
    const { tenant, account } = person;
    const own = [...(await deps.folders.of(tenant, account.id)).values()].filter(({ owner }) => owner === undefined);
    const folders = own.filter(
      ({ collection, displayName }) =>
        wanted === undefined || collection === wanted || displayName.toLowerCase() === wanted.toLowerCase(),
    );
    if (wanted !== undefined && folders.length === 0) return 'unknownFolder';
    await settled(tenant);
    const pairs: SuspectedPair[] = [];
    for (const folder of folders) pairs.push(...(await this.#inFolder(person, folder)));
    return pairs;
  }

  async #inFolder({ tenant, account }: Person, folder: Folder): Promise<SuspectedPair[]> {
    const { deps, baseline } = this.#options;
    const { collection, kind, displayName } = folder;
    const query = { tenant, collection, kind, timeZone: account.timeZone };
    const { candidates } = deps;
    if (!candidates) return [];
    const read = await this.#read(query);
    const items = [...read.keys()];
    const traits = [...read.values()].map((one) => one.traits);
    const found = suspect(traits, candidates.likening(query)).slice(0, pairsMax);
    if (found.length === 0) return [];
    const named = [...new Set(found.flatMap(({ one, other }) => [items[one] as ItemId, items[other] as ItemId]))];
    const histories = await deps.items.histories(tenant, kind, named);
    const linked = new Set((await baseline.ofHome(tenant, collection)).map(({ item }) => item));
    const suspectOf = (item: ItemId): Suspect & { readonly position: number } => {
      const first = histories.get(item)?.[0];
      return {
        item,
        title: read.get(item)?.title ?? '',
        since: (first?.recordedAt ?? '') as Instant,
        inOffice: linked.has(item),
        position: first?.position ?? 0,
      };
    };
    return found.map(({ one, other, degree, signs }) => {
      const both = [suspectOf(items[one] as ItemId), suspectOf(items[other] as ItemId)];
      const [keep, rest] = both.sort((a, b) => Number(b.inOffice) - Number(a.inOffice) || a.position - b.position);
      const isUnmerged = [keep, rest].some((suspected, at) => {
        const partner = [rest, keep][at]?.item;
        return histories.get(suspected!.item)?.some(({ type, data }) => {
          return type === 'ItemsUnmerged' && (data as MergeEventData['ItemsUnmerged']).other === partner;
        });
      });
      return { folder: displayName, collection, kind, degree, signs, keep: keep!, other: rest!, isUnmerged };
    });
  }

  async #read(query: FolderQuery): Promise<Map<ItemId, { title: string; traits: Traits }>> {
    const { deps } = this.#options;
    const { tenant, collection, kind } = query;
    const outline = await deps.view.outline(tenant, collection);
    const size = kind === 'note' ? pageSizeOfNotes : pageSize;
    const read = new Map<ItemId, { title: string; traits: Traits }>();
    for (let at = 0; at < outline.length; at += size) {
      const page = outline.slice(at, at + size).map(({ item }) => item);
      const rows = await deps.view.byItems(tenant, collection, page);
      const opened = await (kind === 'note' ? deps.open : deps.openBriefly)(tenant, rows);
      for (const [item, fields] of opened) {
        read.set(item, { title: titleOf(fields), traits: deps.candidates?.traits(query, fields) as Traits });
      }
    }
    return read;
  }
}
