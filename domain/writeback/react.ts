/** Which events of items must reach the office. A reaction is an intent, never an effect: a worker looks at it later. */
import { parseItemType } from '../item/events.ts';
import type { ItemKind } from '../item/fields.ts';
import type { Actor } from '../shared/event.ts';
import type { AccountId, ItemId, StreamName } from '../shared/ids.ts';
import { parseItemStream } from '../shared/streams.ts';

export interface Intent {
  readonly item: ItemId;
  readonly kind: ItemKind;
  /** Who acts in the office; null is whoever owns the item. */
  readonly account: AccountId | null;
}

/** Undefined: the office knows it already, or there is nothing in it for the office. */
export function react(event: {
  readonly stream: StreamName;
  readonly type: string;
  readonly actor: Actor;
}): Intent | undefined {
  const type = parseItemType(event.type);
  const stream = parseItemStream(event.stream);
  if (!type || !stream || type.verb === 'ConflictKept' || event.actor.kind === 'office') return undefined;
  const account = event.actor.kind === 'device' ? event.actor.account : null;
  return { item: stream.item, kind: stream.kind, account };
}
