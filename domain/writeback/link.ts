import type { Fields } from '../item/fields.ts';
import type { AccountId, CollectionId } from '../shared/ids.ts';
import type { LinkEvent, WriteBackAction } from './events.ts';

/** What the office holds of an item, as far as we know. */
export interface HeldRecord {
  readonly system: string;
  readonly home: CollectionId;
  readonly record: string;
  readonly hash: string;
  readonly fields: Fields;
  /** The item's last revision at which both agreed. */
  readonly itemRevision: number;
}

export interface Attempt {
  readonly action: WriteBackAction;
  readonly account: AccountId;
  readonly home: CollectionId;
  readonly record: string | undefined;
  readonly hash: string | undefined;
  readonly fields: Fields | undefined;
  readonly itemRevision: number;
}

export interface Link {
  /** Null: the office has no record of it. */
  readonly held: HeldRecord | null;
  /** Sent, and nobody knows what came of it. */
  readonly attempt: Attempt | null;
  readonly refused: { readonly action: WriteBackAction; readonly reason: string; readonly itemRevision: number } | null;
  /** Whether the office ever told or confirmed anything of the item. */
  readonly isKnown: boolean;
}

export const noLink: Link = { held: null, attempt: null, refused: null, isKnown: false };

export function evolveLink(link: Link, event: LinkEvent): Link {
  switch (event.type) {
    case 'OfficeObserved':
      return { ...link, held: heldOf(event.data), isKnown: true };
    case 'OfficeMissed':
    case 'OfficeReturned':
    case 'WriteBackOutcomeUnknown':
      return link;
    case 'OfficeGone':
      return { ...link, held: null, attempt: null, isKnown: true };
    case 'WriteBackAttempted': {
      const { data } = event;
      const attempt: Attempt = {
        action: data.action,
        account: data.account as AccountId,
        home: data.home as CollectionId,
        record: data.record,
        hash: data.hash,
        fields: data.fields,
        itemRevision: data.itemRevision,
      };
      return { ...link, attempt };
    }
    case 'WriteBackConfirmed':
      return {
        held: event.data.action === 'delete' ? null : heldOf(event.data),
        attempt: null,
        refused: null,
        isKnown: true,
      };
    case 'WriteBackRefused':
      return { ...link, attempt: null, refused: event.data };
    case 'WriteBackNotDone':
      return { ...link, attempt: null };
  }
}

function heldOf(data: (LinkEvent & { type: 'OfficeObserved' })['data']): HeldRecord {
  const { system, home, record, hash, fields, itemRevision } = data;
  return { system, home: home as CollectionId, record, hash, fields, itemRevision };
}
