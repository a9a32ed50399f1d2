/** How many items a device would be told of: the difference that Sync makes, counted and not rendered. */
import type { ItemId } from '../../../../domain/shared/ids.ts';
import { isHeldBack } from '../../../../domain/sync/held-back.ts';
import type { Held } from '../../../../domain/sync/state.ts';
import type { ItemRow } from '../../../../projections/item-view/read.ts';
import { type ChangesDeps, type ChangesQuery, configOf } from '../../conversation/changes.ts';

export type EstimateQuery = Pick<
  ChangesQuery,
  'id' | 'conversation' | 'standpoint' | 'collection' | 'filter' | 'renderer'
>;

const pageSize = 512;
/** Clients show a progress bar by it; more precision than this is worth nothing. */
const estimateMax = 50_000;

/** Items whose rendering would come out as before count, since only rendering tells. */
export async function estimate(deps: ChangesDeps, query: EstimateQuery): Promise<number> {
  const { cursor, stale } = query.standpoint;
  const isCurrent = cursor.config === configOf(query) && cursor.position > 0;
  const differing = isCurrent ? await sinceCursor(deps, query) : await inAll(deps, query);
  for (const item of stale) differing.add(item);
  return Math.min(differing.size, estimateMax);
}

async function sinceCursor(deps: ChangesDeps, query: EstimateQuery): Promise<Set<ItemId>> {
  const { id, collection, conversation, standpoint } = query;
  const differing = new Set<ItemId>();
  let { position } = standpoint.cursor;
  for (;;) {
    const rows = await deps.view.changedSince(id.tenant, collection, position, pageSize);
    const items = rows.map((row) => row.item).filter((item) => !standpoint.overlay.has(item));
    const held = await deps.conversations.held(id, conversation, items);
    for (const row of rows) if (differs(query, row, knownOf(query, row.item, held))) differing.add(row.item);
    const last = rows.at(-1);
    if (!last || rows.length < pageSize || differing.size >= estimateMax) return differing;
    position = last.position;
  }
}

async function inAll(deps: ChangesDeps, query: EstimateQuery): Promise<Set<ItemId>> {
  const { id, collection, conversation, standpoint } = query;
  const rows = await deps.view.outline(id.tenant, collection);
  const held = await deps.conversations.allHeld(id, conversation);
  const differing = new Set<ItemId>();
  const there = new Set<ItemId>();
  for (const row of rows) {
    there.add(row.item);
    if (differs(query, row, knownOf(query, row.item, held))) differing.add(row.item);
  }
  const known = [...held.keys(), ...[...standpoint.overlay].flatMap(([item, now]) => (now ? [item] : []))];
  for (const item of known) if (!there.has(item) && knownOf(query, item, held)) differing.add(item);
  return differing;
}

function knownOf(query: EstimateQuery, item: ItemId, held: ReadonlyMap<ItemId, Held>): Held | undefined {
  const { overlay } = query.standpoint;
  return overlay.has(item) ? (overlay.get(item) ?? undefined) : held.get(item);
}

function differs(query: EstimateQuery, row: Omit<ItemRow, 'content'>, known: Held | undefined): boolean {
  if (!query.filter.passes(row)) return known !== undefined;
  if (isHeldBack(query.standpoint.heldBack, row.item, known !== undefined)) return false;
  return !known || known.version !== row.version || !query.renderer.isOfThisTag(known.hash);
}
