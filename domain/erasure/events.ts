/**
 * That something was erased: its key is destroyed, and what it sealed can never be read again. The event says what, by
 * whom (its actor) and when, and nothing of what it held. Stored for ever: change a shape only by a new version.
 */
import { z } from 'zod';
import type { StreamName, SubjectId } from '../shared/ids.ts';
import { accountSubject, itemSubject } from '../shared/streams.ts';
import { defineEvents } from '../shared/upcast.ts';

const erasedItem = z.object({
  subject: z.literal('item'),
  item: z.string(),
  kind: z.enum(['contact', 'appointment', 'task', 'note']),
  /** Where it lay last, and whose it was; null where that was not to be read any more. */
  collection: z.string().nullable(),
  owner: z.string().nullable(),
  /** How many events can no longer be read. */
  events: z.number().int(),
  /** The office said that its record is gone, or never had one. */
  isGoneInOffice: z.boolean(),
});
const erasedPerson = z.object({
  subject: z.literal('person'),
  account: z.string(),
  items: z.number().int(),
  events: z.number().int(),
});
export const subjectErased = z.discriminatedUnion('subject', [erasedItem, erasedPerson]);
export type Erased = z.infer<typeof subjectErased>;

export const erasureEvents = defineEvents({
  SubjectErased: { version: 1, schema: subjectErased, upcasters: [] },
});

/** Of each tenant, sealed by a key of its own: it survives what it tells of. */
export const erasureStream = 'erasures' as StreamName;
export const erasureSubject = 'erasures' as SubjectId;

/** Whose key was destroyed. */
export function subjectOf(erased: Erased): SubjectId {
  return erased.subject === 'item' ? itemSubject(erased.item as never) : accountSubject(erased.account as never);
}
