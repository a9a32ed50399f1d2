/** What people write into items: every value carries a mark that occurs once in the run, so that it can be traced. */
import type { Fields, ItemKind } from '../../domain/item/fields.ts';
import type { Random } from './random.ts';

export interface Scribble {
  readonly fields: Fields;
  /** The values that must be found again somewhere in the item's history. */
  readonly marks: readonly string[];
}

let marks = 0;
function mark(random: Random): string {
  return `${random.pick(['Åse', 'Bjørn', 'Ærlig', 'Nord', 'Fjell'])} ${++marks}`;
}

const names: Readonly<Record<ItemKind, readonly string[]>> = {
  contact: ['jobTitle', 'company', 'department', 'nickname', 'mobilePhone', 'spouse'],
  appointment: ['subject', 'location'],
  task: ['subject'],
  note: ['subject'],
};

export function scribbledNew(kind: ItemKind, random: Random, nowMs: number): Scribble {
  const text = mark(random);
  if (kind === 'contact') return { fields: { fileAs: text, givenName: text }, marks: [text] };
  if (kind === 'note') return { fields: { subject: text, messageClass: 'IPM.StickyNote' }, marks: [text] };
  if (kind === 'task') return { fields: { subject: text, complete: false, importance: 'normal' }, marks: [text] };
  const startMs = Math.floor(nowMs / 3_600_000 + random.below(400) - 200) * 3_600_000;
  const fields = {
    subject: text,
    start: new Date(startMs).toISOString(),
    end: new Date(startMs + 3_600_000).toISOString(),
    timeZone: 'Europe/Oslo',
    busyStatus: 'busy',
  };
  return { fields, marks: [text] };
}

/** The fields with one or two of them written anew. */
export function scribbledOver(kind: ItemKind, fields: Fields, random: Random): Scribble {
  const result: Record<string, unknown> = { ...fields };
  const written: string[] = [];
  for (let i = random.chance(0.3) ? 2 : 1; i > 0; i--) {
    const text = mark(random);
    result[random.pick(names[kind])] = text;
    written.push(text);
  }
  const kept = Object.values(result);
  return { fields: result, marks: written.filter((text) => kept.includes(text)) };
}
