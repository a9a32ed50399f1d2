/**
 * What a device must be told about a folder: the difference between what it holds and what the view shows. Normally
 * only the rows behind its cursor are looked at. When its filter, options or our mapping changed, everything is
 * compared once.
 */
import type { Fields } from '../../../domain/item/fields.ts';
import type { CollectionId, ItemId, Position } from '../../../domain/shared/ids.ts';
import type { Standpoint } from '../../../domain/sync/decide.ts';
import { type Cursor, clearedHash, type Holding, unsureHash } from '../../../domain/sync/events.ts';
import { anyConfig, type Held } from '../../../domain/sync/state.ts';
import type { ItemRow, ItemView } from '../../../projections/item-view/read.ts';
import type { Fragment } from '../wbxml/writer.port.ts';
import type { ItemFilter } from './filter.ts';
import { type Renderer, sameContent } from './renderer.ts';
import type { Conversation, ConversationId, ConversationStore } from './store.ts';

export interface ServerCommand {
  readonly op: 'add' | 'change' | 'delete' | 'softDelete';
  readonly item: ItemId;
  readonly data?: Fragment;
}

export interface Changes {
  readonly commands: readonly ServerCommand[];
  /** The commands as holdings, and those that changed nothing on the air. */
  readonly ops: readonly Holding[];
  readonly cursor: Cursor;
  readonly moreAvailable: boolean;
  /** Something that waited to be sent anew need not be, which must be noted. */
  readonly isSettling: boolean;
  /** Items that could not be rendered, and why. */
  readonly withheld: readonly { item: ItemId; reason: string }[];
}

export interface ChangesQuery {
  readonly id: ConversationId;
  readonly conversation: Conversation;
  readonly standpoint: Standpoint;
  /** What this very exchange did to what the device holds; null is not held any more. */
  readonly own: ReadonlyMap<ItemId, Held | null>;
  /** The versions that this exchange made: a row that is older is not yet up to date, and comes again. */
  readonly ownVersions?: ReadonlyMap<ItemId, number>;
  /** Items that must be sent anew. */
  readonly stale: ReadonlySet<ItemId>;
  /** What the device is not known to hold it perhaps does, since what it was told is lost. */
  readonly mayHoldLost?: boolean;
  /** Where the folder's items are. */
  readonly collection: CollectionId;
  readonly filter: ItemFilter;
  readonly renderer: Renderer;
  readonly windowSize: number;
}

export interface ChangesDeps {
  readonly view: ItemView;
  readonly conversations: ConversationStore;
  /** Opens the sealed fields of the rows, long bodies left aside; rows whose key is gone are absent. */
  readonly openBriefly: (tenant: ConversationId['tenant'], rows: readonly ItemRow[]) => Promise<Map<ItemId, Fields>>;
  /** Puts long bodies in place; undefined when there are none. */
  readonly longBodies: (tenant: ConversationId['tenant'], item: ItemId, fields: Fields) => Promise<Fields> | undefined;
}

/** One answer carries at most this much content, so that memory and the client's patience hold. */
const contentBytesMax = 2_000_000;

export function configOf(query: Pick<ChangesQuery, 'filter' | 'renderer'>): string {
  return `${query.filter.name}|${query.renderer.tag}`;
}

export async function changes(deps: ChangesDeps, query: ChangesQuery): Promise<Changes> {
  const { cursor } = query.standpoint;
  const isCurrent = cursor.config === anyConfig || cursor.config === configOf(query);
  const collector = new Collector(query);
  if (query.stale.size > 0) {
    const rows = await rowsOf(deps, query, [...query.stale]);
    await collect(deps, query, collector, rows);
    await dropCopies(deps, query, collector, rows);
  }
  return isCurrent ? await sinceCursor(deps, query, collector) : await fullDifference(deps, query, collector);
}

/** What must be sent anew and never was an item here is a device's own copy of another. */
async function dropCopies(
  deps: ChangesDeps,
  query: ChangesQuery,
  collector: Collector,
  rows: readonly ItemRow[],
): Promise<void> {
  const { overlay } = query.standpoint;
  const there = new Set(rows.map(({ item }) => item));
  const copies = [...query.stale].filter((item) => !there.has(item) && !query.own.has(item));
  const unsure = copies.filter((item) => !overlay.has(item));
  const held = await deps.conversations.held(query.id, query.conversation, unsure);
  for (const item of copies) if (overlay.get(item) ?? held.get(item)) collector.drop(item, 'delete');
}

async function sinceCursor(deps: ChangesDeps, query: ChangesQuery, collector: Collector): Promise<Changes> {
  const { view } = deps;
  const { tenant } = query.id;
  let { position } = query.standpoint.cursor;
  for (;;) {
    // One more than fits tells whether there is more without another look.
    const limit = Math.min(query.windowSize - collector.commands.length, 512) + 16;
    const rows = await view.changedSince(tenant, query.collection, position, limit);
    const done = await collect(deps, query, collector, rows);
    if (done > 0) position = (rows[done - 1] as ItemRow).position;
    if (done < rows.length) return collector.result({ position, config: configOf(query) }, true);
    if (rows.length < limit) return collector.result({ position, config: configOf(query) }, false);
  }
}

async function fullDifference(deps: ChangesDeps, query: ChangesQuery, collector: Collector): Promise<Changes> {
  const { view, conversations } = deps;
  const { tenant } = query.id;
  // Read before the outline: whatever comes in between is looked at again next time.
  const position = await view.lastChange(tenant, query.collection);
  const outline = new Map((await view.outline(tenant, query.collection)).map((row) => [row.item, row]));
  const held = await conversations.allHeld(query.id, query.conversation);
  for (const [item, now] of [...query.standpoint.overlay, ...query.own]) {
    if (now) held.set(item, now);
    else held.delete(item);
  }
  const unseen = [...held.keys()].filter((item) => !outline.has(item));
  // What this exchange made may not be shown yet; what an earlier one made and is repeated here may be gone by now.
  const made = await view.byItems(
    tenant,
    query.collection,
    unseen.filter((item) => query.own.has(item)),
  );
  const removed = new Set(made.filter((row) => row.deleted && !isOutdated(query, row)).map((row) => row.item));
  const gone = unseen.filter((item) => !query.own.has(item) || removed.has(item));
  const differing = [...outline.values()].filter((row) => {
    if (isOutdated(query, row)) return false;
    const known = held.get(row.item);
    if (!query.filter.passes(row)) return known !== undefined;
    return !known || known.version !== row.version || !query.renderer.isOfThisTag(known.hash);
  });
  const rest: Cursor = { position: query.standpoint.cursor.position, config: '' };
  for (const item of gone) if (!collector.drop(item, 'delete')) return collector.result(rest, true);
  const pageSize = 256;
  for (let at = 0; at < differing.length; at += pageSize) {
    const items = differing.slice(at, at + pageSize).map((row) => row.item);
    const rows = await rowsOf(deps, query, items);
    if ((await collect(deps, query, collector, rows, held)) < rows.length) return collector.result(rest, true);
  }
  return collector.result({ position: position as Position, config: configOf(query) }, false);
}

/** In the order asked for, so that the same question always has the same answer. */
async function rowsOf(deps: ChangesDeps, query: ChangesQuery, items: readonly ItemId[]): Promise<ItemRow[]> {
  const found = await deps.view.byItems(query.id.tenant, query.collection, items);
  const rows = new Map(found.map((row) => [row.item, row]));
  return items.flatMap((item) => rows.get(item) ?? []);
}

/** Takes rows until the window is full; says how many it has dealt with. */
async function collect(
  deps: ChangesDeps,
  query: ChangesQuery,
  collector: Collector,
  rows: readonly ItemRow[],
  allHeld?: ReadonlyMap<ItemId, Held>,
): Promise<number> {
  if (rows.length === 0) return 0;
  const { own, standpoint } = query;
  const asked = allHeld
    ? []
    : rows.map((row) => row.item).filter((item) => !own.has(item) && !standpoint.overlay.has(item));
  const held = allHeld ?? (await deps.conversations.held(query.id, query.conversation, asked));
  const known = (item: ItemId): Held | undefined => {
    if (own.has(item)) return own.get(item) ?? undefined;
    if (standpoint.overlay.has(item)) return standpoint.overlay.get(item) ?? undefined;
    return held.get(item);
  };
  const showing = rows.filter((row) => {
    const before = known(row.item);
    return query.filter.passes(row) && collector.mayDiffer(row, before);
  });
  const opened = await deps.openBriefly(query.id.tenant, showing);
  let done = 0;
  for (const row of rows) {
    if (!isOutdated(query, row)) {
      let fields = opened.get(row.item);
      // One at a time, and none beyond the window: a page of long bodies would fill the memory.
      const whole = fields && !collector.isFull && deps.longBodies(query.id.tenant, row.item, fields);
      if (whole) fields = await whole;
      if (!collector.take(row, known(row.item), fields)) return done;
    }
    done++;
  }
  return done;
}

/** The row does not yet show what this exchange did; once it does it lies behind the cursor again. */
function isOutdated(query: ChangesQuery, row: { item: ItemId; version: number }): boolean {
  return (query.ownVersions?.get(row.item) ?? -1) > row.version;
}

/** Gathers commands up to the window. */
class Collector {
  readonly commands: ServerCommand[] = [];
  #hasCleared = false;
  readonly #ops: Holding[] = [];
  readonly #withheld: { item: ItemId; reason: string }[] = [];
  readonly #query: ChangesQuery;
  readonly #taken = new Set<ItemId>();
  readonly #deleted: ReadonlySet<ItemId>;
  readonly #blanked: ReadonlySet<ItemId>;
  #bytes = 0;
  #isSettling = false;

  constructor(query: ChangesQuery) {
    this.#query = query;
    const { heldBack } = query.standpoint;
    this.#deleted = new Set(heldBack?.deleted);
    this.#blanked = new Set(heldBack?.blanked);
  }

  mayDiffer(row: ItemRow, known: Held | undefined): boolean {
    if ((known ? this.#blanked : this.#deleted).has(row.item)) return false;
    if (!known || this.#query.stale.has(row.item)) return true;
    return known.version !== row.version || !this.#query.renderer.isOfThisTag(known.hash);
  }

  /** False when the window is full; the row was then not dealt with. */
  take(row: ItemRow, known: Held | undefined, fields: Fields | undefined): boolean {
    if (this.#taken.has(row.item)) return true;
    if (!this.#query.filter.passes(row) || (!fields && this.mayDiffer(row, known))) {
      if (!known) return this.#settle(row.item);
      return this.drop(row.item, row.deleted || this.#query.filter.passes(row) ? 'delete' : 'softDelete');
    }
    if (!fields || !this.mayDiffer(row, known)) return true;
    if (this.#isUnsure(row.item, known)) return this.#clear(row);
    if (this.isFull) return false;
    this.#taken.add(row.item);
    try {
      const { fragment, hash } = this.#query.renderer.render(fields);
      const op = known && known.hash !== clearedHash ? 'change' : 'add';
      const isNews = !known || this.#query.stale.has(row.item) || !sameContent(known.hash, hash);
      if (isNews) {
        this.commands.push({ op, item: row.item, data: fragment });
        this.#bytes += fragment.bytes.length;
      }
      this.#ops.push([row.item, op, row.version, hash]);
    } catch (error) {
      this.#withheld.push({ item: row.item, reason: error instanceof Error ? error.message : String(error) });
    }
    return true;
  }

  #isUnsure(item: ItemId, known: Held | undefined): boolean {
    if (this.#query.stale.has(item)) return false;
    return known ? known.hash === unsureHash : this.#query.mayHoldLost === true;
  }

  /**
   * Takes off the device what it perhaps holds, to add it with the next answer. Clients ignore the Delete of what they do
   * not hold, but some hold twice what they are sent twice as an Add.
   */
  #clear({ item, version }: ItemRow): boolean {
    if (this.isFull) return false;
    this.#taken.add(item);
    this.#hasCleared = true;
    this.commands.push({ op: 'delete', item });
    this.#ops.push([item, 'add', version, clearedHash], [item, 'stale', 0, '']);
    return true;
  }

  drop(item: ItemId, op: 'delete' | 'softDelete'): boolean {
    if (this.#taken.has(item)) return true;
    if (this.isFull) return false;
    this.#taken.add(item);
    this.commands.push({ op, item });
    this.#ops.push([item, op, 0, '']);
    return true;
  }

  /** What was to be sent anew and is not there any more: nothing is left to say of it. */
  #settle(item: ItemId): true {
    if (!this.#query.stale.has(item)) return true;
    this.#taken.add(item);
    this.#ops.push([item, 'delete', 0, '']);
    this.#isSettling = true;
    return true;
  }

  result(cursor: Cursor, moreAvailable: boolean): Changes {
    const isSettling = this.#isSettling;
    const isMore = moreAvailable || this.#hasCleared;
    const { commands } = this;
    return { commands, ops: this.#ops, cursor, moreAvailable: isMore, isSettling, withheld: this.#withheld };
  }

  get isFull(): boolean {
    return this.commands.length >= this.#query.windowSize || this.#bytes > contentBytesMax;
  }
}
