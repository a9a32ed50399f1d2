/** Two items made one on request, and two again: the same events as when a phone brings what is here already. */
import { commandIdFrom, itemIdFrom } from '../../adapters/ids.ts';
import type { ItemCommands, ItemRequest, ItemResult } from '../../adapters/items/item-commands.ts';
import { likeningFor } from '../../adapters/matching/likening.ts';
import type { ItemCommand, PastEvent } from '../../domain/item/decide.ts';
import { mergeAt, unmergeOf } from '../../domain/item/decide-merge.ts';
import type { ItemKind } from '../../domain/item/fields.ts';
import { fold } from '../../domain/item/state.ts';
import { titleOf } from '../../domain/item/title.ts';
import type { MergeEventData, Sign } from '../../domain/matching/events.ts';
import { fill } from '../../domain/matching/fill.ts';
import { judge } from '../../domain/matching/judge.ts';
import { traitsOf } from '../../domain/matching/traits.ts';
import type { AccountId, DeviceKey, Instant, ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import type { ItemLogReader } from '../../projections/item-log/read.ts';
import type { Person } from './directory.ts';
import { type ItemNow, orAskAgain, type PutRight, type Wish } from './put-right.ts';

export interface Merged {
  readonly kept: ItemId;
  /** Of the merge in the kept item's history: with the item it names the merge. */
  readonly revision: number;
  readonly removed: ItemId;
  /** The fields that the kept item took from the other. */
  readonly filled: readonly string[];
}

export interface Unmerged {
  readonly item: ItemId;
  /** What stands by itself again. */
  readonly other: ItemId;
  /** The fields that the item had taken and gave back. */
  readonly cleared: readonly string[];
}

/** One merge, for a listing. */
export interface PastMerge {
  readonly item: ItemId;
  readonly revision: number;
  readonly kind: ItemKind;
  readonly at: Instant;
  /** The phone that brought what was here already; null where somebody merged two items. */
  readonly device: DeviceKey | null;
  /** Null where the item was erased. */
  readonly title: string | null;
  readonly brought: string | null;
  readonly matchedBy: readonly Sign[];
  readonly filled: readonly string[];
  /** The item that it was, or is again. */
  readonly other: ItemId | null;
  readonly isUndone: boolean;
}

/** `unknown`: no such items of this person; `apart`: of other kinds or folders; `removed`: one is not there any more. */
export type MergeRefusal = 'unknown' | 'apart' | 'removed';

export interface MergesOptions {
  readonly items: ItemCommands;
  readonly putRight: PutRight;
  readonly log: ItemLogReader;
  readonly settled: (tenant: TenantId) => Promise<void>;
  readonly now: () => Instant;
}

export class Merges {
  readonly #options: MergesOptions;

  constructor(options: MergesOptions) {
    this.#options = options;
  }

  /**
   * Makes `other` a part of `kept`: what only `other` says is taken over, `other` is removed. Asked again after a break
   * it goes on; asked again afterwards it says what was done.
   */
  async merge(person: Person, kept: ItemId, other: ItemId, wish: Wish): Promise<Merged | MergeRefusal> {
    const { items, settled } = this.#options;
    const { tenant, account } = person;
    const [one, two] = [await this.#find(tenant, kept), await this.#find(tenant, other)];
    if (!one || !two || kept === other || one.state.owner !== account.id || two.state.owner !== account.id) {
      return 'unknown';
    }
    const before = standing(one, other);
    if (one.kind !== two.kind || one.state.collection !== two.state.collection) return 'apart';
    if (before && two.state.removed) return { kept, removed: other, ...before };
    if (one.state.removed || two.state.removed) return 'removed';
    const likening = likeningFor(account.timeZone);
    const traits = [one, two].map(({ kind, state }) => traitsOf(kind, state.fields, likening));
    const signs = judge(traits[0]!, traits[1]!, () => true, likening)?.signs ?? [];
    const claim = two.state.fields;
    const key = [kept, other, String(two.revision)];
    const command = (history: readonly PastEvent[]): ItemCommand => {
      const filled = fill(one.kind, fold(history)?.fields ?? {}, claim, likening);
      return { do: 'merge', claim, filled, matchedBy: signs, other };
    };
    await orAskAgain(
      items.execute(tenant, [
        ...(before ? [] : [this.#request(one, ['merge', ...key], command, wish)]),
        this.#request(two, ['merged', ...key], { do: 'remove', base: null, rule: 'clientWins' }, wish),
      ]),
    );
    await settled(tenant);
    const after = await this.#find(tenant, kept);
    const done = after && standing(after, other);
    return done ? { kept, removed: other, ...done } : 'removed';
  }

  /**
   * Takes back the merge at a revision of an item's history: what the item had taken is given back as far as nobody
   * changed it since, and the other version is an item of its own again. The same again says the same. Undefined when
   * there is no such merge.
   */
  async unmerge(item: ItemId, revision: number, wish: Wish): Promise<Unmerged | undefined> {
    const { items, putRight, log, settled } = this.#options;
    const place = await log.locate(item);
    const now = place ? await putRight.lookAt({ ...place, item }) : undefined;
    const merge = now && mergeAt(now.history, revision);
    if (!now || !merge) return undefined;
    const before = unmergeOf(now.history, revision);
    if (before) return { item, other: before.other, cleared: before.cleared };
    const { tenant, kind, state } = now;
    const key = ['unmerge', item, String(revision)];
    const other = merge.other ?? itemIdFrom(commandIdFrom(key));
    const { owner, collection } = state;
    const separate: ItemCommand = merge.other
      ? { do: 'restore', homes: now.homes }
      : { do: 'add', kind, owner, collection, fields: merge.claim };
    // The other version first: whatever comes in between, nothing is missing.
    const results = await orAskAgain(
      items.execute(tenant, [
        this.#request({ ...now, item: other }, [...key, 'other'], separate, wish),
        this.#request(now, key, { do: 'unmerge', merged: revision, other }, wish),
      ]),
    );
    await settled(tenant);
    return { item, other, cleared: clearedBy(results[1]) };
  }

  /** The merges of a person's items in the order of the log; `next` is null after the last. */
  async list(
    { tenant, account }: Person,
    page: { readonly after: Position; readonly limit: number },
  ): Promise<{ merges: PastMerge[]; next: Position | null }> {
    const { log, putRight, settled } = this.#options;
    await settled(tenant);
    const rows = await log.find(tenant, { owner: account.id, types: ['ItemsMerged'] }, page);
    const found = await putRight.look(
      tenant,
      rows.flatMap(({ item, kind }) => (kind ? [{ item, kind }] : [])),
    );
    const merges = rows.flatMap(({ item, kind, revision, recordedAt, device }): PastMerge[] => {
      const now = found.get(item);
      const merge = now && mergeAt(now.history, revision);
      if (!kind) return [];
      const unmerged = now && unmergeOf(now.history, revision);
      return [
        {
          ...{ item, kind, revision, at: recordedAt, device },
          title: now ? titleOf(now.state.fields) : null,
          brought: merge ? titleOf(merge.claim) : null,
          matchedBy: merge?.matchedBy ?? [],
          filled: Object.keys(merge?.filled ?? {}),
          other: unmerged?.other ?? merge?.other ?? null,
          isUndone: unmerged !== undefined,
        },
      ];
    });
    return { merges, next: rows.length < page.limit ? null : (rows.at(-1)?.position ?? null) };
  }

  async #find(tenant: TenantId, item: ItemId): Promise<ItemNow | undefined> {
    const place = await this.#options.log.locate(item);
    return place?.tenant === tenant ? await this.#options.putRight.lookAt({ ...place, item }) : undefined;
  }

  #request(
    { item, kind, state }: Pick<ItemNow, 'item' | 'kind' | 'state'>,
    key: readonly string[],
    command: ItemRequest['command'],
    { actor, cause }: Wish,
  ): ItemRequest {
    const owner: AccountId = state.owner;
    return { item, kind, commandId: commandIdFrom(key), actor, cause, at: this.#options.now(), owner, command };
  }
}

/** The merge of `other` into the item that stands, if there is one. */
function standing({ history }: ItemNow, other: ItemId): Pick<Merged, 'revision' | 'filled'> | undefined {
  const found = history.findLast(
    ({ type, data, revision }) =>
      type === 'ItemsMerged' &&
      (data as MergeEventData['ItemsMerged']).other === other &&
      !unmergeOf(history, revision),
  );
  const merge = found?.data as MergeEventData['ItemsMerged'] | undefined;
  return found && merge && { revision: found.revision, filled: Object.keys(merge.filled) };
}

function clearedBy(result: ItemResult | undefined): readonly string[] {
  const events = result?.decision.kind === 'accepted' ? result.decision.events : [];
  const unmerged = events.find(({ type }) => type === 'ItemsUnmerged')?.data;
  return (unmerged as MergeEventData['ItemsUnmerged'] | undefined)?.cleared ?? [];
}
