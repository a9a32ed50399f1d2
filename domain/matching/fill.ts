/** What an item takes from another version of itself: only what it does not say. Where both say something, it wins. */
import { equal } from '../conflict/paths.ts';
import type { ContactFields } from '../contact/fields.ts';
import type { Fields, ItemKind } from '../item/fields.ts';
import { mergeGroups } from '../item/merge-groups.ts';
import { type Likening, mailFields, numberFields } from './person.ts';
import { normalMail, normalText } from './text.ts';

/** Made by whoever wrote the item last, or of the time of writing: not worth a change. */
const passing: Readonly<Record<ItemKind, ReadonlySet<string>>> = {
  contact: new Set(['weightedRank']),
  appointment: new Set(['dtStamp', 'exceptions', 'responseType', 'appointmentReplyTime']),
  task: new Set(['ordinalDate', 'subOrdinalDate']),
  note: new Set(['lastModifiedAt', 'messageClass']),
};

/** Places of one meaning: what does not fit into the first goes into the next that is free. */
const places: readonly (readonly (keyof ContactFields)[])[] = [
  mailFields,
  ['im1', 'im2', 'im3'],
  ['homePhone', 'homePhone2'],
  ['businessPhone', 'businessPhone2'],
];
const placed = new Map<string, readonly string[]>(places.flatMap((all) => all.map((place) => [place, all] as const)));

/** Fields to set on `current`, by name. Fields that only make sense together are taken together or not at all. */
export function fill(kind: ItemKind, current: Fields, claim: Fields, likening: Pick<Likening, 'number'>): Fields {
  const groupOf = new Map(mergeGroups[kind].flatMap((group) => group.map((field) => [field, group] as const)));
  const filled: Record<string, unknown> = {};
  const isFree = (name: string) => isBlank(current[name]) && filled[name] === undefined;
  for (const [name, value] of Object.entries(claim)) {
    if (isBlank(value) || passing[kind].has(name)) continue;
    const group = groupOf.get(name);
    const isOpen = group ? group.every((field) => isBlank(current[field])) : isFree(name);
    const alike = kind === 'contact' ? likenessOf(name, likening) : undefined;
    if (alike) {
      const known = alike.fields.flatMap((field) => [current[field], filled[field]]);
      if (known.some((one) => typeof one === 'string' && alike.normal(one) === alike.normal(String(value)))) continue;
    }
    const place = isOpen ? name : placed.get(name)?.find(isFree);
    if (place !== undefined) filled[place] = value;
  }
  // An attendee without an organizer, or of another meeting, says nothing.
  if (filled.attendees !== undefined && !isBlank(current.organizer)) delete filled.attendees;
  return filled;
}

/** Where else the same may stand, and in which form it is the same. */
function likenessOf(
  name: string,
  { number }: Pick<Likening, 'number'>,
): { fields: readonly string[]; normal: (text: string) => string } | undefined {
  if ((numberFields as readonly string[]).includes(name)) {
    return { fields: numberFields, normal: (text) => number(text) || normalText(text) };
  }
  if ((mailFields as readonly string[]).includes(name)) return { fields: mailFields, normal: normalMail };
  return placed.has(name) ? { fields: placed.get(name) ?? [], normal: normalText } : undefined;
}

/** The fields of a merge that still are as it filled them: nobody has changed them since. */
export function untouched(current: Fields, filled: Fields): string[] {
  return Object.entries(filled).flatMap(([name, value]) => (equal(current[name], value) ? [name] : []));
}

function isBlank(value: unknown): boolean {
  return value === undefined || value === '' || value === false || (Array.isArray(value) && value.length === 0);
}
