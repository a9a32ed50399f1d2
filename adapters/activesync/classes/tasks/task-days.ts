/**
 * Start and due of a task are days. The wire has each twice: `StartDate` is local time with a Z, `UtcStartDate` the
 * same moment in UTC (MS-ASTASK 2.2.2.24, 2.2.2.32, and so for due). We write midnight of the day, and its instant in
 * the person's zone.
 */
import type { Fields } from '../../../../domain/item/fields.ts';
import type { PlainDate, TimeZoneName } from '../../../../domain/shared/ids.ts';
import { Tasks } from '../../wbxml/code-pages/index.ts';
import type { Element, Tag } from '../../wbxml/element.ts';
import type { WbxmlWriter } from '../../wbxml/writer.port.ts';
import type { ParseContext, RenderContext } from '../port.ts';
import { plainText } from '../shared/codecs.ts';
import {
  dayInZone,
  formatLocalDay,
  formatUtcDay,
  isPlainDate,
  parseLocalDay,
  parseTime,
  parseUtcDay,
} from '../shared/dates.ts';
import { cleared, type Draft, type Reading, refused, value } from '../shared/reading.ts';

const pairs: readonly { field: 'start' | 'due'; local: Tag; utc: Tag }[] = [
  { field: 'start', local: Tasks.StartDate, utc: Tasks.UtcStartDate },
  { field: 'due', local: Tasks.DueDate, utc: Tasks.UtcDueDate },
];

export function renderTaskDays(writer: WbxmlWriter, fields: Fields, context: RenderContext): void {
  for (const { field, local, utc } of pairs) {
    const day = fields[field];
    if (typeof day !== 'string' || !isPlainDate(day)) continue;
    writer.element(utc, formatUtcDay(day, context.timeZone));
    writer.element(local, formatLocalDay(day));
  }
}

export function parseTaskDays(draft: Draft, elements: ReadonlyMap<Tag, Element>, context: ParseContext): void {
  for (const { field, local, utc } of pairs) {
    const localElement = elements.get(local);
    const utcElement = elements.get(utc);
    if (!localElement && !utcElement) continue;
    const localText = localElement ? plainText(localElement) : '';
    const utcText = utcElement ? plainText(utcElement) : '';
    draft.take(field, readDay(localText, utcText, context.timeZone));
  }
}

function readDay(localText: string, utcText: string, zone: TimeZoneName): Reading {
  if (localText === '' && utcText === '') return cleared;
  const day = localText === '' ? parseUtcDay(utcText, zone) : readLocalDay(localText, utcText, zone);
  return day === undefined ? refused('not a time') : value(day);
}

/**
 * The local time wins: it needs no zone. Two equal times that are not midnight are both in UTC, from a client that
 * does not tell them apart; two different ones are local and UTC as they should be.
 */
function readLocalDay(localText: string, utcText: string, zone: TimeZoneName): PlainDate | undefined {
  const local = parseTime(localText);
  const utc = utcText === '' ? undefined : parseTime(utcText);
  if (local === undefined || utc === undefined) return parseLocalDay(localText, zone);
  const isMidnight = local % 86_400_000 === 0;
  return local === utc && !isMidnight ? dayInZone(local, zone) : parseUtcMidnight(local);
}

function parseUtcMidnight(time: number): PlainDate {
  return new Date(time).toISOString().slice(0, 10) as PlainDate;
}
