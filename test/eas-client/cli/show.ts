/** Items as a person reads them: a line in a table, or everything that is known. */
import {
  AirSyncBase,
  Calendar,
  Contacts,
  Notes,
  Tasks,
  tagName,
} from '../../../adapters/activesync/wbxml/code-pages/index.ts';
import type { Element, Tag } from '../../../adapters/activesync/wbxml/element.ts';
import { type Row, table } from '../../../api/cli/table.ts';
import { at } from '../elements.ts';
import { msOf } from '../fields.ts';
import type { PimKind } from '../state.ts';

const headers: Readonly<Record<PimKind, Row>> = {
  contact: ['ServerId', 'Name', 'Mail', 'Mobile', 'Company'],
  appointment: ['ServerId', 'Subject', 'Start', 'End', 'Where', 'Repeats'],
  task: ['ServerId', 'Subject', 'Due', 'Done'],
  note: ['ServerId', 'Subject', 'Text'],
};

/** Items in the order a person looks for them: by name, or by time. */
export function itemTable(kind: PimKind, items: Iterable<readonly [string, Element]>, zone: string): string {
  const rows = [...items].map(([serverId, data]) => ({ row: [serverId, ...cells[kind](data, zone)], key: '' }));
  const column = kind === 'appointment' ? 2 : 1;
  rows.sort((left, right) => (left.row[column] ?? '').localeCompare(right.row[column] ?? '', 'nb'));
  return table(
    headers[kind],
    rows.map(({ row }) => row),
  );
}

/** One line for lists of changes. */
export function itemTitle(kind: PimKind, data: Element | undefined, zone: string): string {
  if (!data) return '';
  return cells[kind](data, zone)
    .filter((cell) => cell !== '')
    .slice(0, 3)
    .join(', ');
}

const cells: Readonly<Record<PimKind, (data: Element, zone: string) => string[]>> = {
  contact: (data) => [
    text(data, Contacts.FileAs) || [text(data, Contacts.FirstName), text(data, Contacts.LastName)].join(' ').trim(),
    text(data, Contacts.Email1Address),
    text(data, Contacts.MobilePhoneNumber),
    text(data, Contacts.CompanyName),
  ],
  appointment: (data, zone) => {
    const isAllDay = text(data, Calendar.AllDayEvent) === '1';
    const time = (tag: Tag): string => (isAllDay ? day(text(data, tag), zone) : localTime(text(data, tag), zone));
    const place = at(data, AirSyncBase.Location, AirSyncBase.DisplayName)?.text ?? text(data, Calendar.Location);
    return [text(data, Calendar.Subject), time(Calendar.StartTime), time(Calendar.EndTime), place, repeats(data)];
  },
  task: (data) => [
    text(data, Tasks.Subject),
    text(data, Tasks.DueDate).slice(0, 10),
    text(data, Tasks.Complete) === '1' ? 'yes' : '',
  ],
  note: (data) => [text(data, Notes.Subject), at(data, AirSyncBase.Body, AirSyncBase.Data)?.text ?? ''],
};

function text(data: Element, tag: Tag): string {
  return at(data, tag)?.text ?? '';
}

const patterns = ['daily', 'weekly', 'monthly', 'monthly', '', 'yearly', 'yearly'];

function repeats(data: Element): string {
  const recurrence = at(data, Calendar.Recurrence);
  if (!recurrence) return '';
  const interval = text(recurrence, Calendar.Interval);
  const exceptions = at(data, Calendar.Exceptions)?.children.length ?? 0;
  const every = interval !== '' && interval !== '1' ? ` /${interval}` : '';
  return `${patterns[Number(text(recurrence, Calendar.Type))] ?? ''}${every}${exceptions > 0 ? `, ${exceptions} differ` : ''}`;
}

/** `2026-03-02 10:00` on the wall clock of the zone; what is no time stays as it is. */
export function localTime(wire: string, zone: string): string {
  const ms = msOf(wire);
  if (Number.isNaN(ms)) return wire;
  return new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' }).format(ms);
}

function day(wire: string, zone: string): string {
  // From 16.0 on all-day events have midnight without a zone; before, midnight in their own.
  const match = /^(\d{4})-?(\d\d)-?(\d\d)T00:?00:?00/.exec(wire);
  return match ? `${match[1]}-${match[2]}-${match[3]}` : localTime(wire, zone).slice(0, 10);
}

/** Every element with its value, nested ones below their parent. */
export function itemDetails(data: Element, zone: string, indent = ''): string {
  return data.children
    .map((element) => {
      const name = `${indent}${tagName(element.tag)}`;
      if (element.children.length > 0) return `${name}\n${itemDetails(element, zone, `${indent}  `)}`;
      if (element.opaque) return `${name}: (${element.opaque.length} bytes)`;
      const isTime = /^\d{8}T\d{6}Z$/.test(element.text);
      return `${name}: ${element.text}${isTime ? `  (${localTime(element.text, zone)})` : ''}`;
    })
    .join('\n');
}
