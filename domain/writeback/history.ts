/** What one event between an item and its record in the office says, for people. */
import type { Fields } from '../item/fields.ts';
import { changesOf, type FieldChange } from '../item/history.ts';
import type { LinkEvent } from './events.ts';
import { evolveLink, type Link } from './link.ts';

export interface LinkStep {
  readonly link: Link;
  /** In the office's form: what it changed, what we are about to change there, or what it made of that. */
  readonly changes: readonly FieldChange[];
  readonly action: 'create' | 'update' | 'delete' | null;
  readonly record: string | null;
  /** Why the office refused. */
  readonly reason: string | null;
  /** The item's revision that the office holds then, or is to hold. */
  readonly itemRevision: number | null;
}

/** What one event did to the link of an item to its record, and the link after it. */
export function linkStepOf(before: Link, event: LinkEvent): LinkStep {
  const data = event.data as Partial<Record<'action' | 'record' | 'reason', string>> & {
    readonly itemRevision?: number;
  };
  return {
    link: evolveLink(before, event),
    changes: changesIn(before, event),
    action: (data.action ?? null) as LinkStep['action'],
    record: data.record ?? before.held?.record ?? null,
    reason: data.reason ?? null,
    itemRevision: data.itemRevision ?? null,
  };
}

function changesIn({ held, attempt }: Link, event: LinkEvent): FieldChange[] {
  if (event.type === 'OfficeObserved') return changesOf(held?.fields ?? {}, event.data.fields as Fields);
  if (event.type === 'WriteBackAttempted' && event.data.fields) {
    return changesOf(held?.fields ?? {}, event.data.fields as Fields);
  }
  if (event.type === 'WriteBackConfirmed' && event.data.action !== 'delete') {
    return changesOf(attempt?.fields ?? held?.fields ?? {}, event.data.fields as Fields);
  }
  return [];
}
