/**
 * The life of an item, in the same five events for every class: `ContactAdded`, `ContactChanged`, `ContactMoved`,
 * `ContactRemoved`, `ContactConflictKept`, and so for Appointment, Task and Note. These shapes are stored for ever:
 * change one only by a new version with an upcaster and a golden file.
 */
import { z } from 'zod';
import { appointmentFields } from '../appointment/fields.ts';
import type { ConflictRule } from '../conflict/merge.ts';
import type { Delta } from '../conflict/paths.ts';
import { contactFields } from '../contact/fields.ts';
import { noteFields } from '../note/fields.ts';
import type { DomainEvent } from '../shared/event.ts';
import type { AccountId, CollectionId } from '../shared/ids.ts';
import { defineEvents, type EventDefinition, type EventDefinitions } from '../shared/upcast.ts';
import { taskFields } from '../task/fields.ts';
import type { Fields, ItemKind } from './fields.ts';

const delta = z.object({ set: z.record(z.string(), z.unknown()), cleared: z.array(z.string()) });

/** `owner` is the account whose key wraps the item's key and whose office the item belongs to. */
const added = (fields: z.ZodType) =>
  z.object({ collection: z.string(), owner: z.string(), fields, restored: z.boolean().optional() });
/** `base` is the revision that the changing side knew; null when it spoke of the item as it is. */
const changed = z.object({ base: z.number().nullable(), set: delta.shape.set, cleared: delta.shape.cleared });
const moved = z.object({ from: z.string(), to: z.string() });
const removed = z.object({ base: z.number().nullable() });
/** `lost` is what the losing side wanted; `lostRemoval` says that it wanted the item gone. */
const conflictKept = z.object({
  base: z.number().nullable(),
  rule: z.enum(['clientWins', 'serverWins']),
  loser: z.enum(['client', 'server']),
  contested: z.array(z.string()),
  lost: delta,
  lostRemoval: z.boolean().optional(),
});

export const fieldsSchema = {
  contact: contactFields,
  appointment: appointmentFields,
  task: taskFields,
  note: noteFields,
} as const satisfies Record<ItemKind, z.ZodType>;

const nounOf = { contact: 'Contact', appointment: 'Appointment', task: 'Task', note: 'Note' } as const;
export type ItemVerb = 'Added' | 'Changed' | 'Moved' | 'Removed' | 'ConflictKept';

export interface ItemEventData {
  Added: { collection: CollectionId; owner: AccountId; fields: Fields; restored?: boolean };
  Changed: { base: number | null; set: Delta['set']; cleared: Delta['cleared'] };
  Moved: { from: CollectionId; to: CollectionId };
  Removed: { base: number | null };
  ConflictKept: {
    base: number | null;
    rule: ConflictRule;
    loser: 'client' | 'server';
    contested: readonly string[];
    lost: Delta;
    lostRemoval?: boolean;
  };
}

const present = (schema: z.ZodType): EventDefinition => ({ version: 1, schema, upcasters: [] });

/** All item events, for the registry. */
export const itemEvents: EventDefinitions = defineEvents(
  Object.fromEntries(
    (Object.keys(nounOf) as ItemKind[]).flatMap((kind) => [
      [`${nounOf[kind]}Added`, present(added(fieldsSchema[kind]))],
      [`${nounOf[kind]}Changed`, present(changed)],
      [`${nounOf[kind]}Moved`, present(moved)],
      [`${nounOf[kind]}Removed`, present(removed)],
      [`${nounOf[kind]}ConflictKept`, present(conflictKept)],
    ]),
  ),
);

export function itemEvent<V extends ItemVerb>(kind: ItemKind, verb: V, data: ItemEventData[V]): DomainEvent {
  return { type: `${nounOf[kind]}${verb}`, version: 1, data };
}

const parsedTypes = new Map<string, { kind: ItemKind; verb: ItemVerb }>(
  (Object.keys(nounOf) as ItemKind[]).flatMap((kind) =>
    (['Added', 'Changed', 'Moved', 'Removed', 'ConflictKept'] as const).map(
      (verb) => [`${nounOf[kind]}${verb}`, { kind, verb }] as const,
    ),
  ),
);

/** Kind and verb of an event type; undefined for events that are not of items. */
export function parseItemType(type: string): { kind: ItemKind; verb: ItemVerb } | undefined {
  return parsedTypes.get(type);
}
