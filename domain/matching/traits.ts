/** What counts of an item when it is compared with others: made once for each item, and compared many times. */
import type { AppointmentFields } from '../appointment/fields.ts';
import type { ContactFields } from '../contact/fields.ts';
import type { Fields, ItemKind } from '../item/fields.ts';
import type { NoteFields } from '../note/fields.ts';
import type { TaskFields } from '../task/fields.ts';
import type { Sign } from './events.ts';
import { type Likening, mailFields, numberFields, type Person, personOf } from './person.ts';
import { bodyText, normalMail, normalText } from './text.ts';

/** Text that is the same for items that are the same, and the signs it stands for. */
export interface Key {
  readonly signs: readonly Sign[];
  readonly text: string;
}

export interface Traits {
  readonly kind: ItemKind;
  /** iCalendar UID: equal ones are one item, whatever else they say. */
  readonly uid: string;
  /** Everything the item says, normalised. */
  readonly content: string;
  /** What makes an item of this class itself; undefined where it says too little, and for contacts. */
  readonly key?: Key;
  /** The first day of a task: where two name one, they must agree. */
  readonly from: string;
  readonly person?: Person;
}

/** What an item of a class can be recognised by. */
export function traitsOf(kind: ItemKind, fields: Fields, likening: Pick<Likening, 'number'>): Traits {
  const content = contentOf(kind, fields, likening);
  const plain = { kind, content, uid: '', from: '' };
  switch (kind) {
    case 'contact':
      return { ...plain, person: personOf(fields as ContactFields, likening) };
    case 'appointment': {
      const appointment = fields as AppointmentFields;
      return { ...plain, uid: appointment.uid?.trim() ?? '', ...keyed(appointmentKey(appointment)) };
    }
    case 'task': {
      const task = fields as TaskFields;
      return { ...plain, from: task.due ? (task.start ?? '') : '', ...keyed(taskKey(task)) };
    }
    case 'note':
      return { ...plain, ...keyed(noteKey(fields as NoteFields)) };
  }
}

function keyed(key: Key | undefined): { key?: Key } {
  return key ? { key } : {};
}

/** Time and subject. A series is another than the single appointment at its first time. */
function appointmentKey({ subject, start, end, allDay, recurrence }: AppointmentFields): Key | undefined {
  const title = normalText(subject ?? '');
  if (title === '') return undefined;
  const text = JSON.stringify([title, moment(start), moment(end), allDay === true, plain(recurrence ?? null)]);
  return { signs: ['time', 'subject'], text };
}

/** The office knows no seconds. */
function moment(instant: string): string {
  const epochMs = Date.parse(instant);
  return instant.length <= 10 || Number.isNaN(epochMs) ? instant : String(Math.floor(epochMs / 60_000));
}

/** Subject and the day it is due, or begins. Without a day, what is done is another task than what is to be done. */
function taskKey({ subject, start, due, complete, recurrence }: TaskFields): Key | undefined {
  const title = normalText(subject ?? '');
  if (title === '') return undefined;
  const day = due ?? start ?? (complete === true ? 'done' : '');
  return { signs: ['subject', 'dates'], text: JSON.stringify([title, day, plain(recurrence ?? null)]) };
}

function noteKey({ subject, body }: NoteFields): Key | undefined {
  const text = [normalText(subject ?? ''), bodyText(body)];
  return text.join('') === '' ? undefined : { signs: ['subject', 'body'], text: JSON.stringify(text) };
}

/** Of the office or of the phone alone, or put together of other fields, or made smaller on the way. */
const passing = new Set(['fileAs', 'photo', 'weightedRank', 'dtStamp', 'lastModifiedAt', 'messageClass', 'uid']);
const numbers: ReadonlySet<string> = new Set(numberFields);
const mails: ReadonlySet<string> = new Set(mailFields);

function contentOf(kind: ItemKind, fields: Fields, { number }: Pick<Likening, 'number'>): string {
  const said = Object.entries(fields).flatMap(([name, value]): [string, unknown][] => {
    if (passing.has(name)) return [];
    if (name === 'body') return [[name, bodyText(value)]];
    if (kind === 'contact' && numbers.has(name)) return [[name, number(String(value))]];
    if (kind === 'contact' && mails.has(name)) return [[name, normalMail(String(value))]];
    return [[name, plain(value)]];
  });
  const meant = said.filter(([, value]) => value !== '' && value !== false && value !== 0);
  return meant.length === 0 ? '' : JSON.stringify(meant.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The value with its text normalised and its members in order. */
function plain(value: unknown): unknown {
  if (typeof value === 'string') return normalText(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, member]) => [name, plain(member)]);
}
