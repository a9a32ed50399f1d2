import { sql } from 'kysely';
import { LRUCache } from 'lru-cache';
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import { difference, pathsOf } from '../../domain/conflict/paths.ts';
import { type ItemEventData, parseItemType } from '../../domain/item/events.ts';
import type { Fields, ItemKind } from '../../domain/item/fields.ts';
import type { AccountId, CollectionId, ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import { parseItemStream } from '../../domain/shared/streams.ts';
import { parseLinkStream } from '../../domain/writeback/events.ts';
import type { Page, Projection } from '../runner/projection.ts';
import { type ItemEventTable, itemLogMigration } from './table.ts';

/** What events do not say of their item, since an earlier one did. */
interface Place {
  readonly kind: ItemKind | null;
  readonly owner: AccountId | null;
  readonly collection: CollectionId | null;
}

interface Named {
  readonly event: RecordedEvent;
  readonly item: ItemId;
  /** Undefined for events of the item's record in the office. */
  readonly kind: ItemKind | undefined;
}

const placesMax = 100_000;
const tenantsMax = 1_000;
const nowhere: Place = { kind: null, owner: null, collection: null };
const separator = '\u001f';

/**
 * The life of items as rows. Where an item lies is kept at hand while this process folds every page of its tenant, and
 * else read, so that a change costs one statement among those of the page.
 */
export function itemLog(): Projection {
  const kept = new LRUCache<string, Place>({ max: placesMax });
  /** Up to where the kept places of a tenant are right, and a number that voids those of before a gap. */
  const runs = new LRUCache<TenantId, { readonly number: number; readonly at: Position }>({ max: tenantsMax });
  let runsBegun = 0;
  return {
    name: 'item-log',
    version: 1,
    migrations: [itemLogMigration],
    async project(page) {
      const { tenant, events } = page;
      const known = runs.get(tenant);
      const number = known?.at === page.from ? known.number : ++runsBegun;
      const nameOf = (item: ItemId) => `${number}/${item}`;
      const named = events.flatMap((event): Named[] => {
        const own = parseItemStream(event.stream);
        if (own) return [{ event, ...own }];
        const item = parseLinkStream(event.stream);
        return item ? [{ event, item, kind: undefined }] : [];
      });
      const places = await placesBefore(page, named, (item) => kept.get(nameOf(item)));
      const rows = named.map((one) => {
        const place = placeAfter(places.get(one.item) ?? nowhere, one);
        places.set(one.item, place);
        return rowOf(one, place);
      });
      if (rows.length > 0) insert(page, rows);
      const last = events.at(-1);
      if (last) {
        page.written(() => {
          runs.set(tenant, { number, at: last.position });
          for (const [item, place] of places) kept.set(nameOf(item), place);
        });
      }
      return undefined;
    },
  };
}

/** Of items that began before the page. */
async function placesBefore(
  { tenant, read }: Page,
  named: readonly Named[],
  keptOf: (item: ItemId) => Place | undefined,
): Promise<Map<ItemId, Place>> {
  const places = new Map<ItemId, Place>();
  const wanted = new Set<ItemId>();
  const begun = new Set<ItemId>();
  for (const { event, item, kind } of named) {
    if (places.has(item) || wanted.has(item) || begun.has(item)) continue;
    const place = keptOf(item);
    if (place) places.set(item, place);
    else if (kind && event.revision === 0) begun.add(item);
    else wanted.add(item);
  }
  if (wanted.size === 0) return places;
  const { rows } = await sql<Place & { item: ItemId }>`
    select n.item, e.kind, e.owner, e.collection from unnest(${[...wanted]}::text[]) as n(item)
    cross join lateral (
      select kind, owner, collection from item_event
      where item = n.item and tenant = ${tenant} order by position desc limit 1) e
  `.execute(read);
  for (const { item, ...place } of rows) places.set(item, place);
  return places;
}

function placeAfter(before: Place, { event, kind }: Named): Place {
  if (event.type === 'Forgotten') return { ...nowhere, kind: kind ?? null };
  if (!kind) return before;
  const verb = parseItemType(event.type)?.verb;
  if (verb === 'Added') {
    const { owner, collection } = event.data as ItemEventData['Added'];
    return { kind, owner, collection };
  }
  return verb === 'Moved' ? { ...before, kind, collection: (event.data as ItemEventData['Moved']).to } : before;
}

type Row = Omit<ItemEventTable, 'tenant' | 'recorded_at' | 'at'> & { recorded_at: string; at: string };

function rowOf({ event, item, kind }: Named, place: Place): Row {
  const { position, revision, id, type, recordedAt, meta } = event;
  const { actor, cause } = meta;
  return {
    ...{ position, item, revision, type, ...place },
    link: kind === undefined,
    event_id: id,
    verb: kind ? (parseItemType(type)?.verb ?? null) : null,
    recorded_at: recordedAt,
    at: meta.at,
    actor: actor.kind,
    account: 'account' in actor ? actor.account : null,
    device: actor.kind === 'device' ? actor.device : null,
    command: cause?.command ?? null,
    exchange: cause?.exchange ?? null,
    fields: kind ? touchedFields(event) : [],
  };
}

/** Names only, of all that an event of an item speaks of; see `domain/item/events.ts` and its neighbours. */
function touchedFields({ data }: RecordedEvent): string[] {
  const { fields, set, filled, cleared, contested, changed, lost } = (data ?? {}) as {
    readonly fields?: Fields;
    readonly set?: Readonly<Record<string, unknown>>;
    readonly filled?: Readonly<Record<string, unknown>>;
    readonly cleared?: readonly string[];
    readonly contested?: readonly string[];
    readonly changed?: readonly string[];
    readonly lost?: { readonly set: Readonly<Record<string, unknown>>; readonly cleared: readonly string[] };
  };
  const names = new Set([
    ...(fields ? pathsOf(difference({}, fields)) : []),
    ...Object.keys({ ...set, ...filled }),
    ...(cleared ?? []),
    ...(contested ?? []),
    ...(changed ?? []),
    ...(lost ? pathsOf(lost) : []),
  ]);
  return [...names].sort();
}

function insert({ tenant, later }: Page, rows: readonly Row[]): void {
  later(sql`
    insert into item_event (tenant, position, item, kind, link, revision, event_id, type, verb, recorded_at, at, actor,
      account, device, owner, collection, command, exchange, fields)
    select ${tenant}, n.position, n.item, n.kind, n.link, n.revision, n.event_id, n.type, n.verb, n.recorded_at, n.at,
      n.actor, n.account, n.device, n.owner, n.collection, n.command, n.exchange,
      string_to_array(n.fields, ${separator})
    from unnest(
      ${rows.map((row) => row.position)}::bigint[],
      ${rows.map((row) => row.item)}::text[],
      ${rows.map((row) => row.kind)}::text[],
      ${rows.map((row) => row.link)}::boolean[],
      ${rows.map((row) => row.revision)}::integer[],
      ${rows.map((row) => row.event_id)}::uuid[],
      ${rows.map((row) => row.type)}::text[],
      ${rows.map((row) => row.verb)}::text[],
      ${rows.map((row) => row.recorded_at)}::timestamptz[],
      ${rows.map((row) => row.at)}::timestamptz[],
      ${rows.map((row) => row.actor)}::text[],
      ${rows.map((row) => row.account)}::text[],
      ${rows.map((row) => row.device)}::text[],
      ${rows.map((row) => row.owner)}::text[],
      ${rows.map((row) => row.collection)}::text[],
      ${rows.map((row) => row.command)}::text[],
      ${rows.map((row) => row.exchange)}::text[],
      ${rows.map((row) => row.fields.join(separator))}::text[])
      as n(position, item, kind, link, revision, event_id, type, verb, recorded_at, at, actor, account, device, owner,
        collection, command, exchange, fields)
    on conflict (tenant, position) do nothing`);
}
