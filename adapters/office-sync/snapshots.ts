/** Items and their links to the office, read together and written with the revision that was read. */

import type { PastEvent } from '../../domain/item/decide.ts';
import { type ItemEventData, parseItemType } from '../../domain/item/events.ts';
import type { Fields, ItemKind } from '../../domain/item/fields.ts';
import { fold, type ItemState } from '../../domain/item/state.ts';
import type { Actor, Cause } from '../../domain/shared/event.ts';
import type { AccountId, Instant, ItemId, TenantId } from '../../domain/shared/ids.ts';
import { accountSubject, itemStream, itemSubject } from '../../domain/shared/streams.ts';
import { type LinkEvent, linkStream } from '../../domain/writeback/events.ts';
import { evolveLink, type Link, noLink } from '../../domain/writeback/link.ts';
import type { DomainWrite, EventStore, StreamHead } from '../event-log/event-store.port.ts';
import { emptyHead } from '../event-log/event-store.port.ts';
import { commandIdFrom } from '../ids.ts';
import { pastEvents } from '../items/item-commands.ts';

export interface Snapshot {
  readonly item: ItemId;
  readonly kind: ItemKind;
  /** Null: there is no such item, or it was erased. */
  readonly state: ItemState | null;
  readonly history: readonly PastEvent[];
  /** Of the item's last event; -1 when there is none. */
  readonly revision: number;
  /** With long bodies in full. */
  readonly fields: Fields;
  readonly link: Link;
  readonly head: StreamHead;
}

export interface LinkWrite {
  readonly item: ItemId;
  readonly owner: AccountId;
  readonly head: StreamHead;
  readonly events: readonly LinkEvent[];
}

export interface WriteMeta {
  readonly actor: Actor;
  readonly at: Instant;
  readonly cause: Cause;
  /** Tells writers apart that might write the same at the same time and must not both believe they did. */
  readonly writer?: string;
}

export class Snapshots {
  readonly #store: EventStore;

  /** @param store gives long bodies in full */
  constructor(store: EventStore) {
    this.#store = store;
  }

  async load(tenant: TenantId, items: readonly { item: ItemId; kind: ItemKind }[]): Promise<Map<ItemId, Snapshot>> {
    if (items.length === 0) return new Map();
    const pages = await this.#store.loadMany(
      tenant,
      items.flatMap(({ item, kind }) => [itemStream(kind, item), linkStream(item)]),
    );
    const found = new Map<ItemId, Snapshot>();
    for (const { item, kind } of items) {
      const page = pages.get(itemStream(kind, item));
      const linked = pages.get(linkStream(item));
      const history = pastEvents(page?.events ?? []);
      const state = fold(history);
      const link = (linked?.events ?? []).reduce(
        (folded, event) => (event.type === 'Forgotten' ? folded : evolveLink(folded, event as unknown as LinkEvent)),
        noLink,
      );
      found.set(item, {
        item,
        kind,
        state,
        history,
        revision: history.at(-1)?.revision ?? -1,
        fields: state?.fields ?? {},
        link,
        head: linked?.head ?? emptyHead,
      });
    }
    return found;
  }

  /** The new ends; undefined when another writer was faster with one of them: then some may be stored and some not. */
  async append(
    tenant: TenantId,
    writes: readonly LinkWrite[],
    meta: WriteMeta,
  ): Promise<readonly StreamHead[] | undefined> {
    const outcome = await this.#store.append(
      tenant,
      writes.map((write) => domainWrite(write, meta)),
    );
    return outcome.kind === 'appended' ? outcome.heads : undefined;
  }
}

function domainWrite({ item, owner, head, events }: LinkWrite, { at, actor, cause, writer }: WriteMeta): DomainWrite {
  const types = events.map((event) => event.type).join();
  const commandId = commandIdFrom(['office-link', item, String(head.revision), types, writer ?? '']);
  const meta = { at, actor, commandId, cause };
  return {
    stream: linkStream(item),
    head,
    subject: itemSubject(item),
    owner: accountSubject(owner),
    events: events.map((event) => ({ event, meta })),
  };
}

/** What the office holds, as the link's event. */
export function heldData(
  system: string,
  home: string,
  record: { readonly id: string; readonly hash: string; readonly fields: object },
  itemRevision: number,
) {
  const { id, hash, fields } = record;
  return { system, home, record: id as string, hash: hash as string, fields: { ...fields }, itemRevision };
}

/** Whether the item came from the office in the first place, rather than from a phone. */
export function isFromOffice({ history }: Snapshot): boolean {
  const first = history.find((event) => parseItemType(event.type)?.verb === 'Added');
  const isRestored = (first?.data as ItemEventData['Added'] | undefined)?.restored === true;
  return first?.actor.kind === 'office' && !isRestored;
}
