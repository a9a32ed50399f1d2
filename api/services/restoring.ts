/** Bringing items back to what they were: one of them, or all that one device did in a span of time. */
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import type { RestoreCommand } from '../../domain/item/decide-restore.ts';
import type { Effects } from '../../domain/item/effects.ts';
import { type ItemVerb, parseItemType } from '../../domain/item/events.ts';
import type { ItemKind } from '../../domain/item/fields.ts';
import { titleOf } from '../../domain/item/title.ts';
import { type Left, undoing } from '../../domain/item/undo.ts';
import type { DeviceKey, Instant, ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import type { ItemLogReader } from '../../projections/item-log/read.ts';
import { type Errand, effectsOrWhy, type ItemNow, type Outcome, type PutRight, type Wish } from './put-right.ts';

export interface UndoRequest {
  readonly tenant: TenantId;
  readonly device: DeviceKey;
  /** By the time of recording: not before `since`, and before `until`; up to now unless told. */
  readonly since: Instant;
  readonly until?: Instant;
  readonly apply: boolean;
  /** Beyond this position: `next` of the page before. */
  readonly after: Position;
  /** Of the device's changes that a page looks at; it holds at most as many items. */
  readonly limit: number;
}

type Span = Required<Pick<UndoRequest, 'device' | 'since' | 'until'>>;

/** What becomes, or would become, of one item. */
export interface UndoStep extends Effects {
  readonly item: ItemId;
  readonly kind: ItemKind;
  readonly title: string;
  readonly left: readonly Left[];
  /** Why nothing was done although there was something to do. */
  readonly refused?: string;
}

const verbs: readonly string[] = ['Added', 'Changed', 'Moved', 'Removed'] satisfies ItemVerb[];

export class Restoring {
  readonly #putRight: PutRight;
  readonly #log: ItemLogReader;
  readonly #settled: (tenant: TenantId) => Promise<void>;
  readonly #now: () => Instant;

  constructor(options: {
    readonly putRight: PutRight;
    readonly log: ItemLogReader;
    readonly settled: (tenant: TenantId) => Promise<void>;
    readonly now: () => Instant;
  }) {
    this.#putRight = options.putRight;
    this.#log = options.log;
    this.#settled = options.settled;
    this.#now = options.now;
  }

  /** Whether the device ever did anything to an item. */
  async isKnown(tenant: TenantId, device: DeviceKey): Promise<boolean> {
    await this.#settled(tenant);
    return (await this.#log.find(tenant, { device }, { limit: 1 })).length > 0;
  }

  /** A removed item comes back as it was; undefined for an item nobody has or had. */
  async restore(item: ItemId, wish: Wish): Promise<Outcome | undefined> {
    return await this.#one(item, { do: 'restore' }, wish);
  }

  /** The item as it was right after the revision `to` of its stream. */
  async revert(item: ItemId, to: number, wish: Wish): Promise<Outcome | undefined> {
    return await this.#one(item, { do: 'revert', to }, wish);
  }

  /**
   * Takes back what the device did in the span, item by item, and leaves what others did since (see
   * domain/item/undo.ts); without `apply` only says so. Done again it finds nothing more to do. A page holds the items
   * whose first change in the span lies in it; `next` is null after the last, and those that follow are to be asked
   * for with the same `until`.
   */
  async undo(request: UndoRequest, wish: Wish): Promise<{ steps: UndoStep[]; until: Instant; next: Position | null }> {
    const { tenant, device, since, until = this.#now(), after, limit, apply } = request;
    const span = { device, since, until };
    const filter = { device, from: since, to: until, verbs };
    const rows = await this.#log.find(tenant, filter, { after, limit });
    const places = rows.flatMap(({ item, kind }) => (kind ? [{ item, kind }] : []));
    const found = await this.#putRight.look(tenant, places);
    const onPage = new Set(rows.map(({ position }) => position));
    const steps: { errand: Errand; step: UndoStep }[] = [];
    for (const now of found.values()) {
      const doings = now.events.filter((event) => isDoing(event, span));
      if (!doings[0] || !onPage.has(doings[0].position)) continue;
      const errand = errandOf(now, span, doings);
      const outcome = this.#putRight.preview(errand, wish);
      const left = undoing(now.history, revisionsOf(doings))?.left ?? [];
      const step = { ...named(now), ...effectsOrWhy(outcome), left };
      if (step.does.length > 0 || left.length > 0) steps.push({ errand, step });
    }
    const next = rows.length < limit ? null : (rows.at(-1)?.position ?? null);
    if (!apply) return { steps: steps.map(({ step }) => step), until, next };
    const todo = steps.filter(({ step }) => step.does.length > 0);
    const outcomes = await this.#putRight.carryOut(
      todo.map(({ errand }) => errand),
      wish,
    );
    const done = new Map(todo.map(({ step }, index) => [step.item, effectsOrWhy(outcomes[index] as Outcome)]));
    return { steps: steps.map(({ step }) => ({ ...step, ...done.get(step.item) })), until, next };
  }

  async #one(item: ItemId, command: RestoreCommand, wish: Wish): Promise<Outcome | undefined> {
    const place = await this.#log.locate(item);
    const now = place?.kind ? await this.#putRight.lookAt({ ...place, item }) : undefined;
    if (!now) return undefined;
    const key = [command.do, item, command.do === 'revert' ? String(command.to) : '', String(now.revision)];
    const [outcome] = await this.#putRight.carryOut([{ now, command, key }], wish);
    await this.#settled(now.tenant);
    return outcome;
  }
}

function isDoing({ meta, recordedAt, type }: RecordedEvent, { device, since, until }: Span): boolean {
  const { actor } = meta;
  const at = Date.parse(recordedAt);
  return (
    actor.kind === 'device' &&
    actor.device === device &&
    verbs.includes(parseItemType(type)?.verb ?? '') &&
    at >= Date.parse(since) &&
    at < Date.parse(until)
  );
}

const revisionsOf = (events: readonly RecordedEvent[]) => new Set<number>(events.map(({ revision }) => revision));

function errandOf(now: ItemNow, { device, since, until }: Span, doings: readonly RecordedEvent[]): Errand {
  const key = ['undo', device, since, until, now.item, String(now.revision)];
  return { now, command: { do: 'undo', doings: revisionsOf(doings) }, key };
}

const named = ({ item, kind, state }: ItemNow) => ({ item, kind, title: titleOf(state.fields) });
