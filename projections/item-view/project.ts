import { sql } from 'kysely';
import { LRUCache } from 'lru-cache';
import type { KeyRing } from '../../adapters/crypto.port.ts';
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import type { Erased } from '../../domain/erasure/events.ts';
import type { ItemKind } from '../../domain/item/fields.ts';
import type { ItemState } from '../../domain/item/state.ts';
import type { ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import { itemSubject, parseItemStream } from '../../domain/shared/streams.ts';
import type { Page, Projection, Touched } from '../runner/projection.ts';
import { openContent, sealContent } from './content.ts';
import { type Draft, erasedRow, foldRow, type ItemFacts } from './rows.ts';
import { type ItemViewTable, itemViewMigration } from './table.ts';

/** An item's state after an event of its stream, whether or not that event changed it. */
interface Kept {
  readonly state: ItemState;
  readonly revision: number;
  /** Of its sealed content. */
  readonly bytes: number;
}

const keptMax = 20_000;
const keptBytesMax = 67_108_864;
/** About what a state takes beside its fields. */
const keptOverheadBytes = 512;

/**
 * The item view: folds, and writes what the events changed in one statement. The last states are kept at hand, so that
 * a change need not read and open its row: a state is made by its stream up to the revision and nothing else, so one
 * that fits is right. Others are read.
 */
export function itemView(keys: KeyRing, facts: ItemFacts): Projection {
  const kept = new LRUCache<string, Kept>({ max: keptMax, maxSize: keptBytesMax });
  return {
    name: 'item-view',
    version: 1,
    migrations: [itemViewMigration],
    async project(page) {
      const fold = new ItemFold(keys, facts, kept);
      await fold.add(page);
      if (fold.isUntouched) return undefined;
      const { touched, sealedBytes, keyless } = await fold.write(page, fold.size);
      page.written(() => {
        for (const [item, revision] of fold.revisions) {
          const state = fold.states.get(item);
          const name = `${page.tenant}/${item}`;
          const bytes = sealedBytes.get(item) ?? kept.peek(name)?.bytes;
          // Without fields, or of unknown size, or its key is gone: whatever comes next is read.
          if (!state || state.removed || bytes === undefined || keyless.has(item)) kept.delete(name);
          else kept.set(name, { state, revision, bytes }, { size: keptOverheadBytes + bytes });
        }
      });
      return touched;
    },
    gather: () => {
      const fold = new ItemFold(keys, facts, undefined);
      return {
        add: (page) => fold.add(page),
        get size() {
          return fold.size;
        },
        async write(page, limit) {
          await fold.write(page, limit);
        },
      };
    },
  };
}

/** States in memory while a rebuild gathers; beyond that they are read again. */
const gatheredMax = 200_000;

/** Events of items, folded into the rows they make. */
class ItemFold {
  /** After the last event seen of each item; an item whose key was destroyed is absent. */
  readonly states = new Map<ItemId, ItemState>();
  readonly revisions = new Map<ItemId, number>();
  /** By folder and item; made when written, since most are overtaken before. */
  readonly #drafts = new Map<string, () => Draft>();
  readonly #keys: KeyRing;
  readonly #facts: ItemFacts;
  readonly #kept: LRUCache<string, Kept> | undefined;

  constructor(keys: KeyRing, facts: ItemFacts, kept: LRUCache<string, Kept> | undefined) {
    this.#keys = keys;
    this.#facts = facts;
    this.#kept = kept;
  }

  /** No event was one of an item. */
  get isUntouched(): boolean {
    return this.revisions.size === 0 && this.#drafts.size === 0;
  }

  get size(): number {
    return this.#drafts.size;
  }

  async add(page: Pick<Page, 'tenant' | 'events' | 'read'>): Promise<void> {
    const events = page.events.flatMap((event) => {
      const name = parseItemStream(event.stream);
      return name ? [{ event, item: name.item, kind: name.kind }] : [];
    });
    if (events.length > 0) await this.#addItems(page, events);
    for (const event of page.events) if (event.type === 'SubjectErased') this.#erase(page.tenant, event);
  }

  async #addItems(
    page: Pick<Page, 'tenant' | 'read'>,
    events: readonly { readonly event: RecordedEvent; readonly item: ItemId; readonly kind: ItemKind }[],
  ): Promise<void> {
    await this.#readStates(page, events);
    for (const { event, item, kind } of events) {
      const before = this.states.get(item) ?? null;
      const state = foldRow(before, event, { item, kind, facts: this.#facts }, (collection, draft) =>
        this.#drafts.set(`${collection}/${item}`, draft),
      );
      if (event.type === 'Forgotten') {
        this.states.delete(item);
        this.#kept?.delete(`${page.tenant}/${item}`);
        continue;
      }
      this.revisions.set(item, event.revision);
      if (state) this.states.set(item, state);
    }
  }

  /** After all else of the page: nothing can be stored about what was erased. */
  #erase(tenant: TenantId, event: RecordedEvent): void {
    const erased = event.data as Erased;
    if (erased.subject === 'item') {
      const item = erased.item as ItemId;
      this.states.delete(item);
      this.#kept?.delete(`${tenant}/${item}`);
      const row = erasedRow(erased, event);
      if (row) this.#drafts.set(`${row.collection}/${item}`, () => ({ row }));
      return;
    }
    // The rows of a whole person are taken away at once by who erases; what memory holds must not bring them back.
    for (const [name, draft] of [...this.#drafts]) if (draft().row.owner === erased.account) this.#drafts.delete(name);
    for (const [item, { owner }] of [...this.states]) if (owner === erased.account) this.states.delete(item);
    for (const [name, { state }] of [...(this.#kept?.entries() ?? [])]) {
      if (state.owner === erased.account && name.startsWith(`${tenant}/`)) this.#kept?.delete(name);
    }
  }

  async write(page: Pick<Page, 'tenant' | 'later'>, limit: number): Promise<Written> {
    const drafts: Draft[] = [];
    for (const [name, draft] of this.#drafts) {
      if (drafts.length >= limit) break;
      drafts.push(draft());
      this.#drafts.delete(name);
    }
    const written = await write(page, this.#keys, drafts);
    if (this.#drafts.size === 0 && this.states.size > gatheredMax) {
      this.states.clear();
      this.revisions.clear();
    }
    return written;
  }

  /** The states before the events, of items that are not at hand. */
  async #readStates(
    { tenant, read }: Pick<Page, 'tenant' | 'read'>,
    events: readonly { event: RecordedEvent; item: ItemId }[],
  ): Promise<void> {
    const seen = new Set<ItemId>();
    const wanted: ItemId[] = [];
    for (const { event, item } of events) {
      if (seen.has(item) || this.revisions.has(item)) continue;
      seen.add(item);
      if (event.revision === 0) continue;
      const last = this.#kept?.get(`${tenant}/${item}`);
      if (last && last.revision === event.revision - 1) this.states.set(item, last.state);
      else wanted.push(item);
    }
    if (wanted.length === 0) return;
    const { rows } = await sql<ItemViewTable>`
      select * from item_view where tenant = ${tenant} and item = any(${wanted}::text[]) and current
    `.execute(read);
    const found = await this.#keys.find(
      tenant,
      rows.map((row) => itemSubject(row.item)),
    );
    for (const row of rows) {
      const key = found.get(itemSubject(row.item));
      const { kind, owner, collection, version, deleted } = row;
      const fields = key && row.content ? openContent(key, row.item, row.content) : {};
      this.states.set(row.item, { kind, owner, collection, version, removed: deleted, fields });
    }
  }
}

interface Written {
  readonly touched: Touched;
  readonly sealedBytes: ReadonlyMap<ItemId, number>;
  /** Whose key was destroyed since the event was read: they go as they came. */
  readonly keyless: ReadonlySet<ItemId>;
}

async function write(page: Pick<Page, 'tenant' | 'later'>, keys: KeyRing, drafts: readonly Draft[]): Promise<Written> {
  const { tenant } = page;
  const touched = new Map<string, Position[]>();
  const sealedBytes = new Map<ItemId, number>();
  const keyless = new Set<ItemId>();
  if (drafts.length === 0) return { touched, sealedBytes, keyless };
  const live = drafts.filter((draft) => draft.fields);
  const found = await keys.find(
    tenant,
    live.map(({ row }) => itemSubject(row.item)),
  );
  const contents = drafts.map(({ row, fields }) => {
    if (!fields) return null;
    const key = found.get(itemSubject(row.item));
    const content = key ? sealContent(key, row.item, fields) : null;
    if (content) sealedBytes.set(row.item, content.length);
    else keyless.add(row.item);
    return content;
  });
  const rows = drafts.map(({ row, fields }, index) =>
    fields && contents[index] === null ? { ...row, deleted: true } : row,
  );
  for (const row of rows) {
    const positions = touched.get(row.collection);
    if (positions) positions.push(row.position);
    else touched.set(row.collection, [row.position]);
  }
  page.later(sql`
    insert into item_view
      (tenant, collection, item, kind, owner, position, version, deleted, current, content, ends_at, open)
    select ${tenant}, * from unnest(
      ${rows.map((row) => row.collection)}::text[],
      ${rows.map((row) => row.item)}::text[],
      ${rows.map((row) => row.kind)}::text[],
      ${rows.map((row) => row.owner)}::text[],
      ${rows.map((row) => row.position)}::bigint[],
      ${rows.map((row) => row.version)}::integer[],
      ${rows.map((row) => row.deleted)}::boolean[],
      ${rows.map((row) => row.current)}::boolean[],
      ${contents}::bytea[],
      ${rows.map((row) => row.ends_at)}::timestamptz[],
      ${rows.map((row) => row.open)}::boolean[])
    on conflict (tenant, collection, item) do update set
      kind = excluded.kind, owner = excluded.owner, position = excluded.position, version = excluded.version,
      deleted = excluded.deleted, current = excluded.current, content = excluded.content,
      ends_at = excluded.ends_at, open = excluded.open`);
  for (const positions of touched.values()) positions.sort((a, b) => a - b);
  return { touched, sealedBytes, keyless };
}
