import type { NoteFields } from '../../../domain/note/fields.ts';
import type { TaskFields } from '../../../domain/task/fields.ts';
import { untitled } from '../../office/limits.ts';
import { dayOf, dayStart } from '../../office/time.ts';
import { bodyText, orNil, textBody } from '../mapping/common.ts';
import { dateTime, instant, integer, text, type XmlElement } from '../xml.ts';

const priorities = ['low', 'normal', 'high'] as const;

/** An assumed Task: percent complete is its only state, priority 0 to 2 as in ProjectService. */
export function taskFromElement(item: XmlElement, timeZone: string): TaskFields {
  const start = instant(item, 'Start');
  const end = instant(item, 'End');
  return {
    subject: text(item, 'Title'),
    body: textBody(text(item, 'Description')),
    start: start === undefined ? undefined : dayOf(start, timeZone),
    due: end === undefined ? undefined : dayOf(end, timeZone),
    percentComplete: integer(item, 'PercentComplete'),
    importance: priorities[integer(item, 'Priority') ?? 1],
    reminderAt: instant(item, 'Reminder'),
  };
}

/** The element to save, of normalised fields; days begin at midnight of the owner's time zone. */
export function taskElement(fields: TaskFields, timeZone: string): XmlElement {
  const midnight = (day: string | undefined) =>
    orNil(day === undefined ? undefined : dateTime(dayStart(day, timeZone)));
  return {
    Title: fields.subject ?? untitled,
    Description: orNil(bodyText(fields.body)),
    Start: midnight(fields.start),
    End: midnight(fields.due),
    Reminder: orNil(fields.reminderAt === undefined ? undefined : dateTime(fields.reminderAt)),
    PercentComplete: String(fields.percentComplete ?? 0),
    Priority: String(priorities.indexOf(fields.importance ?? 'normal')),
  };
}

export const noteFromElement = (item: XmlElement): NoteFields => ({
  subject: text(item, 'Subject'),
  body: textBody(text(item, 'Description')),
});

export const noteElement = (fields: NoteFields): XmlElement => ({
  Subject: fields.subject ?? untitled,
  Description: orNil(bodyText(fields.body)),
});
