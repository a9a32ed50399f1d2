/**
 * What it means that a Change leaves a property out: MS-ASCMD 2.2.3.179 Supported (ghosting), 2.2.3.24 Change, and
 * for 16.x MS-ASCAL 3.1.5.3. In short, for a property that is absent from a Change:
 *
 * - Body and Picture keep their value, always; an Add has nothing to clear.
 * - Calendar at 16.0 and 16.1: it keeps its value, whatever Supported said.
 * - Contacts, and Calendar to 14.1, of a device that sent `Supported`: it is cleared when Supported names it, else it
 *   is ghosted and keeps its value; with an empty Supported everything is.
 * - Of a device that sent no `Supported`, and of Tasks and Notes, which cannot be ghosted: from 16.0 it is cleared. To
 *   14.1 it keeps its value. The specification would have it cleared there too; Exchange keeps it, clients were made
 *   against Exchange and send an empty element to clear, and a value kept is a smaller harm than one lost.
 *
 * In every version and class an element that is present and empty clears its property.
 */

import type { Tag } from '../../wbxml/element.ts';
import type { ParseContext } from '../port.ts';

export interface AbsenceRule<Field extends string = string> {
  /** Every top-level tag of the class with the field it speaks of; several tags may speak of one field. */
  readonly tags: ReadonlyMap<Tag, Field>;
  /** Contacts and Calendar: `Supported` counts. */
  readonly ghostable: boolean;
  /** Calendar: from 16.0 an absent property is unchanged. */
  readonly keptFrom160: boolean;
  /** Tags whose absence never clears. */
  readonly keptWhenAbsent: ReadonlySet<Tag>;
}

export type AbsenceContext = Pick<ParseContext, 'version' | 'operation' | 'supported' | 'known'>;

/** Whether leaving out this tag says that its property is not set. */
export function absenceClears(tag: Tag, context: AbsenceContext, rule: AbsenceRule): boolean {
  if (context.operation === 'add' || rule.keptWhenAbsent.has(tag)) return false;
  if (rule.keptFrom160 && context.version >= 160) return false;
  if (context.supported === null || !rule.ghostable) return context.version >= 160;
  return context.supported.has(tag);
}

/**
 * The fields that a Change clears by leaving them out: none of the field's tags is `present`, and the absence of one
 * of them at least is meant. When the context tells what the device knew, only fields that it knew are named: what a
 * device never had it cannot have removed.
 */
export function clearedByAbsence<Field extends string>(
  present: ReadonlySet<Tag>,
  context: AbsenceContext,
  rule: AbsenceRule<Field>,
): Field[] {
  if (context.operation === 'add' || (rule.keptFrom160 && context.version >= 160)) return [];
  const spokenOf = new Set<Field>();
  for (const tag of present) {
    const field = rule.tags.get(tag);
    if (field !== undefined) spokenOf.add(field);
  }
  const cleared = new Set<Field>();
  for (const [tag, field] of rule.tags) {
    if (spokenOf.has(field) || cleared.has(field)) continue;
    if (context.known && context.known[field] === undefined) continue;
    if (absenceClears(tag, context, rule)) cleared.add(field);
  }
  return [...cleared];
}
