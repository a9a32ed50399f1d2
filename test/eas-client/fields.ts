/** Items from words, as somebody types them: `FirstName=Astrid`, `start=2026-03-02T10:00`. */
import { Temporal } from 'temporal-polyfill';
import { encodeZone } from '../../adapters/activesync/time-zone/index.ts';
import type { ProtocolVersion } from '../../adapters/activesync/version.ts';
import {
  AirSync,
  AirSyncBase,
  Calendar,
  Contacts,
  Contacts2,
  Notes,
  Tasks,
} from '../../adapters/activesync/wbxml/code-pages/index.ts';
import type { Element, Tag } from '../../adapters/activesync/wbxml/element.ts';
import { at, el } from './elements.ts';
import type { PimKind } from './state.ts';

export interface FieldContext {
  readonly version: ProtocolVersion;
  /** Whose wall clock times without an offset mean. */
  readonly zone: string;
  readonly nowMs: number;
  /** For a new appointment. */
  readonly uid: string;
}

/** A word the person typed cannot be understood; the message says which and what would do. */
export class UnknownField extends Error {
  override readonly name = 'UnknownField';
}

const pages: Readonly<Record<PimKind, readonly Readonly<Record<string, Tag>>[]>> = {
  contact: [Contacts, Contacts2],
  appointment: [Calendar],
  task: [Tasks],
  note: [Notes],
};

/** Short words beside the names of the wire; in lower case. */
const aliases: Readonly<Record<PimKind, Readonly<Record<string, Tag>>>> = {
  contact: {
    first: Contacts.FirstName,
    last: Contacts.LastName,
    email: Contacts.Email1Address,
    mobile: Contacts.MobilePhoneNumber,
    phone: Contacts.BusinessPhoneNumber,
    company: Contacts.CompanyName,
  },
  appointment: { start: Calendar.StartTime, end: Calendar.EndTime, allday: Calendar.AllDayEvent },
  task: { due: Tasks.DueDate, start: Tasks.StartDate, done: Tasks.Complete },
  note: { title: Notes.Subject },
};

const categories: Readonly<Record<PimKind, readonly [Tag, Tag]>> = {
  contact: [Contacts.Categories, Contacts.Category],
  appointment: [Calendar.Categories, Calendar.Category],
  task: [Tasks.Categories, Tasks.Category],
  note: [Notes.Categories, Notes.Category],
};

/** `ApplicationData` of a new item. @throws UnknownField */
export function newItem(kind: PimKind, words: readonly string[], context: FieldContext): Element {
  const children = new Map<Tag, Element>();
  for (const element of beginnings[kind](context)) children.set(element.tag, element);
  return finish(kind, children, words, context);
}

/** `ApplicationData` of an item as it shall be: what was held, with the words over it. @throws UnknownField */
export function changedItem(kind: PimKind, held: Element, words: readonly string[], context: FieldContext): Element {
  const children = new Map<Tag, Element>();
  for (const element of held.children) {
    const kept = isClients(element.tag, context.version) ? clientBody(element) : undefined;
    if (kept) children.set(element.tag, kept);
  }
  return finish(kind, children, words, context);
}

function finish(kind: PimKind, children: Map<Tag, Element>, words: readonly string[], context: FieldContext): Element {
  for (const word of words) for (const element of wordElements(kind, word, context)) children.set(element.tag, element);
  if (kind === 'appointment') completeAppointment(children, context);
  if (kind === 'contact' && !children.has(Contacts.FileAs)) {
    const name = [children.get(Contacts.LastName), children.get(Contacts.FirstName)].flatMap((part) =>
      part?.text ? [part.text] : [],
    );
    const fileAs = name.join(', ') || children.get(Contacts.CompanyName)?.text;
    if (fileAs) children.set(Contacts.FileAs, el(Contacts.FileAs, fileAs));
  }
  return el(AirSync.ApplicationData, [...children.values()]);
}

const beginnings: Readonly<Record<PimKind, (context: FieldContext) => Element[]>> = {
  contact: () => [],
  appointment: ({ uid, version, nowMs }) => [
    ...(version >= 160 ? [el(Calendar.ClientUid, uid)] : [el(Calendar.DtStamp, compact(nowMs)), el(Calendar.UID, uid)]),
    el(Calendar.AllDayEvent, '0'),
    el(Calendar.BusyStatus, '2'),
    el(Calendar.Sensitivity, '0'),
    el(Calendar.MeetingStatus, '0'),
  ],
  task: () => [
    el(Tasks.Complete, '0'),
    el(Tasks.Importance, '1'),
    el(Tasks.Sensitivity, '0'),
    el(Tasks.ReminderSet, '0'),
  ],
  note: () => [el(Notes.MessageClass, 'IPM.StickyNote')],
};

function wordElements(kind: PimKind, word: string, context: FieldContext): Element[] {
  const split = word.indexOf('=');
  if (split < 1) throw new UnknownField(`"${word}" is not of the form key=value`);
  const key = word.slice(0, split).toLowerCase();
  const value = word.slice(split + 1);
  if (key === 'body' || key === 'note' || key === 'notes') {
    return [el(AirSyncBase.Body, [el(AirSyncBase.Type, '1'), el(AirSyncBase.Data, value)])];
  }
  if (key === 'categories') {
    const [list, one] = categories[kind];
    const names = value.split(',').map((name) => name.trim());
    const elements = names.filter((name) => name !== '').map((name) => el(one, name));
    return [el(list, elements)];
  }
  if (kind === 'appointment' && key === 'repeat') return [recurrence(value)];
  const tag = tagOf(kind, key);
  if (tag === undefined) throw new UnknownField(`a ${kind} has no field "${key}"; ${knownWords(kind)}`);
  if (tag === Calendar.Location && context.version >= 160) {
    return [el(AirSyncBase.Location, [el(AirSyncBase.DisplayName, value)])];
  }
  return valueElements(tag, value, context);
}

function tagOf(kind: PimKind, key: string): Tag | undefined {
  const alias = aliases[kind][key];
  if (alias !== undefined) return alias;
  for (const page of pages[kind]) {
    for (const [name, tag] of Object.entries(page)) if (name.toLowerCase() === key) return tag;
  }
  return undefined;
}

function knownWords(kind: PimKind): string {
  const names = pages[kind].flatMap((page) => Object.keys(page));
  return `it has ${[...Object.keys(aliases[kind]), 'body', 'categories', ...names].join(', ')}`;
}

/** Dates come in three shapes on the wire (MS-ASDTYPE 2.7). */
function valueElements(tag: Tag, value: string, { zone }: FieldContext): Element[] {
  switch (tag) {
    case Calendar.StartTime:
    case Calendar.EndTime:
      return [el(tag, compact(instantOf(value, zone)))];
    case Contacts.Birthday:
    case Contacts.Anniversary:
      return [el(tag, `${dayOf(value)}T00:00:00.000Z`)];
    case Tasks.DueDate:
    case Tasks.StartDate: {
      const local = `${dayOf(value)}T00:00:00.000Z`;
      const utc = new Date(instantOf(dayOf(value), zone)).toISOString();
      return [el(tag, local), el(tag === Tasks.DueDate ? Tasks.UtcDueDate : Tasks.UtcStartDate, utc)];
    }
    case Tasks.ReminderTime:
      return [el(tag, new Date(instantOf(value, zone)).toISOString()), el(Tasks.ReminderSet, '1')];
    case Tasks.Complete:
      return isYes(value)
        ? [el(tag, '1'), el(Tasks.DateCompleted, new Date(instantOf('now', zone)).toISOString())]
        : [el(tag, '0')];
    case Calendar.AllDayEvent:
      return [el(tag, isYes(value) ? '1' : '0')];
    default:
      return [el(tag, value)];
  }
}

function isYes(value: string): boolean {
  return ['1', 'yes', 'true'].includes(value.toLowerCase());
}

/** An hour's length where no end is given, whole days where it is all-day, and the zone's structure up to 14.1. */
function completeAppointment(children: Map<Tag, Element>, { version, zone, nowMs }: FieldContext): void {
  const hour = 3_600_000;
  const text = (tag: Tag): string | undefined => children.get(tag)?.text;
  const startText = text(Calendar.StartTime);
  const start = startText ? msOf(startText) : Math.ceil(nowMs / hour) * hour;
  const endText = text(Calendar.EndTime);
  const end = endText ? msOf(endText) : start + hour;
  const isAllDay = text(Calendar.AllDayEvent) === '1';
  const put = (tag: Tag, value: string): void => void children.set(tag, el(tag, value));
  put(Calendar.StartTime, compact(start));
  put(Calendar.EndTime, compact(Math.max(end, start)));
  if (!isAllDay) {
    if (!children.has(Calendar.Timezone)) put(Calendar.Timezone, encodeZone(zone, new Date(start).getUTCFullYear()));
    return;
  }
  const day = (ms: number) => Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone).toPlainDate();
  const first = day(start);
  const last = Temporal.PlainDate.compare(day(end), first) > 0 ? day(end) : first.add({ days: 1 });
  if (version >= 160) {
    // From 16.0 on an all-day event is a day without a zone (MS-ASCAL 2.2.2.1).
    children.delete(Calendar.Timezone);
    put(Calendar.StartTime, `${first.toString().replaceAll('-', '')}T000000Z`);
    put(Calendar.EndTime, `${last.toString().replaceAll('-', '')}T000000Z`);
  } else {
    put(Calendar.Timezone, encodeZone(zone, first.year));
    put(Calendar.StartTime, compact(first.toZonedDateTime(zone).epochMilliseconds));
    put(Calendar.EndTime, compact(last.toZonedDateTime(zone).epochMilliseconds));
  }
}

/** `daily`, `weekly:mo,we`, `monthly:15`, each with `*10` for ten times (MS-ASCAL 2.2.2.37). */
function recurrence(value: string): Element {
  const match = /^(daily|weekly|monthly|yearly)(?::([\w,]+))?(?:\*(\d+))?$/.exec(value);
  if (!match) throw new UnknownField(`repeat=${value}: daily, weekly:mo,we, monthly:15, each with *10 for ten times`);
  const [, pattern = '', on, times] = match;
  const children = [el(Calendar.Type, { daily: '0', weekly: '1', monthly: '2', yearly: '5' }[pattern] ?? '0')];
  if (times) children.push(el(Calendar.Occurrences, times));
  children.push(el(Calendar.Interval, '1'));
  if (pattern === 'weekly') {
    const names = ['su', 'mo', 'tu', 'we', 'th', 'fr', 'sa'];
    const days = (on ?? 'mo').split(',').map((day) => names.indexOf(day));
    if (days.includes(-1)) throw new UnknownField(`repeat=${value}: days are ${names.join(', ')}`);
    children.push(el(Calendar.DayOfWeek, String(days.reduce((mask, day) => mask | (1 << day), 0))));
  }
  if (pattern === 'monthly') children.push(el(Calendar.DayOfMonth, on ?? '1'));
  if (pattern === 'yearly') {
    const [month = '1', day = '1'] = (on ?? '1,1').split(',');
    children.push(el(Calendar.DayOfMonth, day), el(Calendar.MonthOfYear, month));
  }
  return el(Calendar.Recurrence, children);
}

/** Milliseconds of `2026-03-02T10:00` on the zone's wall clock, of a text with an offset, or of `now`. */
export function instantOf(value: string, zone: string): number {
  if (value === 'now') return Date.now();
  try {
    if (/(Z|[+-]\d\d:?\d\d)$/.test(value) && value.includes('T')) return Temporal.Instant.from(value).epochMilliseconds;
    return Temporal.PlainDateTime.from(value.replace(' ', 'T')).toZonedDateTime(zone).epochMilliseconds;
  } catch (error) {
    throw new UnknownField(`"${value}" is no time; write 2026-03-02T10:00`, { cause: error });
  }
}

function dayOf(value: string): string {
  try {
    return Temporal.PlainDate.from(value).toString();
  } catch (error) {
    throw new UnknownField(`"${value}" is no date; write 2026-03-02`, { cause: error });
  }
}

/** Milliseconds of a time on the wire, compact or not. NaN when it is none. */
export function msOf(wire: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(wire);
  return match
    ? Date.parse(`${match[1]}-${match[2]}-${match[3]}T${match[4]}:${match[5]}:${match[6]}Z`)
    : Date.parse(wire);
}

function compact(ms: number): string {
  return new Date(ms).toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
}

/** What only servers say, and what 16.0 took from clients (MS-ASCAL 2.2.2). */
const serversOnly = new Set<Tag>([
  AirSyncBase.NativeBodyType,
  Calendar.AppointmentReplyTime,
  Calendar.ResponseType,
  Notes.LastModifiedDate,
]);
const serversOnlyFrom16 = new Set<Tag>([
  AirSyncBase.Attachments,
  Calendar.DtStamp,
  Calendar.UID,
  Calendar.OrganizerEmail,
  Calendar.OrganizerName,
  Calendar.MeetingStatus,
  Calendar.Exceptions,
]);

function isClients(tag: Tag, version: ProtocolVersion): boolean {
  return !serversOnly.has(tag) && !(version >= 160 && serversOnlyFrom16.has(tag));
}

/** A body as a client sends it; one that came truncated is left out, so that the server keeps the whole. */
function clientBody(element: Element): Element | undefined {
  if (element.tag !== AirSyncBase.Body) return element;
  if (at(element, AirSyncBase.Truncated)?.text === '1') return undefined;
  const kept = [AirSyncBase.Type, AirSyncBase.Data].flatMap((tag) => at(element, tag) ?? []);
  return el(AirSyncBase.Body, kept);
}
