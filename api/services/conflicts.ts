/** The conflicts that were kept: to be looked at, decided by people, and decided again under another policy. */
import type { ConflictChoice } from '../../domain/conflict/events.ts';
import type { ConflictRule } from '../../domain/conflict/merge.ts';
import { pathsOf, valueAt } from '../../domain/conflict/paths.ts';
import { choiceUnder } from '../../domain/conflict/policy.ts';
import { conflictAt } from '../../domain/item/decide-conflict.ts';
import type { Effects } from '../../domain/item/effects.ts';
import type { Fields } from '../../domain/item/fields.ts';
import { titleOf } from '../../domain/item/title.ts';
import type { ItemId, TenantId } from '../../domain/shared/ids.ts';
import type { ConflictFilter, ConflictPlace, ConflictRow, ConflictsReader } from '../../projections/conflicts/read.ts';
import type { ItemLogReader } from '../../projections/item-log/read.ts';
import { type Errand, effectsOrWhy, type ItemNow, type Outcome, type PutRight, type Wish } from './put-right.ts';

/** One side of a conflict: the item gone, or its values at the fields that were contested; null is not set. */
export interface Version {
  readonly removed: boolean;
  readonly values: Readonly<Record<string, unknown>>;
}

export interface ConflictDetails {
  readonly row: ConflictRow;
  /** Undefined for an item that was erased. */
  readonly versions?: { readonly title: string; readonly won: Version; readonly lost: Version };
}

/** What a policy makes, or would make, of a conflict that nobody decided. */
export interface ReplayStep extends Effects {
  readonly row: ConflictRow;
  readonly title: string;
  readonly for: ConflictChoice;
  readonly refused?: string;
}

export class Conflicts {
  readonly #reader: ConflictsReader;
  readonly #log: ItemLogReader;
  readonly #putRight: PutRight;
  readonly #settled: (tenant: TenantId) => Promise<void>;

  constructor(options: {
    readonly reader: ConflictsReader;
    readonly log: ItemLogReader;
    readonly putRight: PutRight;
    readonly settled: (tenant: TenantId) => Promise<void>;
  }) {
    this.#reader = options.reader;
    this.#log = options.log;
    this.#putRight = options.putRight;
    this.#settled = options.settled;
  }

  /** Beyond the place, in order; `next` is null after the last. */
  async page(
    filter: ConflictFilter,
    after: ConflictPlace | null,
    limit: number,
  ): Promise<{ conflicts: ConflictDetails[]; next: ConflictPlace | null }> {
    if (filter.tenant) await this.#settled(filter.tenant);
    const rows = await this.#reader.find(filter, after, limit);
    const items = await this.#items(rows);
    const conflicts = rows.map((row) => ({ row, ...versionsOf(items.get(row.item), row.revision) }));
    return { conflicts, next: placeAfter(rows, limit) };
  }

  /** Undefined where the item keeps no such conflict. The same choice again answers as the first time did. */
  async decide(item: ItemId, revision: number, choice: ConflictChoice, wish: Wish): Promise<Outcome | undefined> {
    const place = await this.#log.locate(item);
    const now = place?.kind ? await this.#putRight.lookAt({ ...place, item }) : undefined;
    if (!now || !conflictAt(now.history, revision)) return undefined;
    const [outcome] = await this.#putRight.carryOut([errandOf(now, revision, choice)], wish);
    await this.#settled(now.tenant);
    return outcome;
  }

  /**
   * What the policy makes of a page of conflicts between phones and others that nobody decided; without `apply` it is
   * only said. One where the winner stays is closed too: the policy has decided it. Those that the office came with
   * are left to people, as the phone's option never was about them.
   */
  async replay(
    policy: ConflictRule,
    filter: Omit<ConflictFilter, 'actor' | 'isOpen'>,
    options: { readonly apply: boolean; readonly after: ConflictPlace | null; readonly limit: number },
    wish: Wish,
  ): Promise<{ steps: ReplayStep[]; next: ConflictPlace | null }> {
    const { apply, after, limit } = options;
    if (filter.tenant) await this.#settled(filter.tenant);
    const rows = await this.#reader.find({ ...filter, actor: 'device', isOpen: true }, after, limit);
    const items = await this.#items(rows);
    const steps: { errand: Errand; step: ReplayStep }[] = [];
    for (const row of rows) {
      const now = items.get(row.item);
      if (!now || conflictAt(now.history, row.revision)?.decided) continue;
      const choice = choiceUnder(policy, row.loser);
      const errand = errandOf(now, row.revision, choice, policy);
      const title = titleOf(now.state.fields);
      steps.push({ errand, step: { row, title, for: choice, ...effectsOrWhy(this.#putRight.preview(errand, wish)) } });
    }
    const next = placeAfter(rows, limit);
    if (!apply) return { steps: steps.map(({ step }) => step), next };
    const done: ReplayStep[] = [];
    for (const [, ofTenant] of Map.groupBy(steps, ({ step }) => step.row.tenant)) {
      const outcomes = await this.#putRight.carryOut(
        ofTenant.map(({ errand }) => errand),
        wish,
      );
      done.push(...ofTenant.map(({ step }, index) => ({ ...step, ...effectsOrWhy(outcomes[index] as Outcome) })));
    }
    return { steps: done, next };
  }

  async #items(rows: readonly ConflictRow[]): Promise<Map<ItemId, ItemNow>> {
    const found = new Map<ItemId, ItemNow>();
    for (const [tenant, places] of Map.groupBy(rows, (row) => row.tenant)) {
      for (const [item, now] of await this.#putRight.look(tenant, places)) found.set(item, now);
    }
    return found;
  }
}

function placeAfter(rows: readonly ConflictRow[], limit: number): ConflictPlace | null {
  const last = rows.at(-1);
  return last && rows.length === limit ? { tenant: last.tenant, position: last.position } : null;
}

function errandOf(now: ItemNow, conflict: number, choice: ConflictChoice, policy?: ConflictRule): Errand {
  const command = { do: 'decide', conflict, for: choice, ...(policy ? { policy } : {}) } as const;
  return { now, command, key: ['decide', now.item, String(conflict), choice] };
}

function versionsOf(now: ItemNow | undefined, revision: number): Pick<ConflictDetails, 'versions'> {
  const conflict = now && conflictAt(now.history, revision);
  if (!conflict) return {};
  const { kept, won, lost } = conflict;
  const paths = [...new Set([...kept.contested, ...pathsOf(kept.lost)])].sort();
  const version = (removed: boolean, fields: Fields): Version => ({
    removed,
    values: removed ? {} : Object.fromEntries(paths.map((path) => [path, valueAt(fields, path) ?? null])),
  });
  return {
    versions: {
      title: titleOf(won.fields),
      won: version(won.removed, won.fields),
      lost: version(lost.removed, lost.fields),
    },
  };
}
