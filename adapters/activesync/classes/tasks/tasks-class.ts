/**
 * Tasks on the wire: MS-ASTASK. `percentComplete` has no element: a device neither sees nor changes it.
 */
import type { Body, Fields } from '../../../../domain/item/fields.ts';
import type { TaskFields } from '../../../../domain/task/fields.ts';
import { Tasks } from '../../wbxml/code-pages/index.ts';
import type { Element, Tag } from '../../wbxml/element.ts';
import type { WbxmlWriter } from '../../wbxml/writer.port.ts';
import { renderBody } from '../body.ts';
import type { ItemClass, ParseContext, Parsed, RenderContext } from '../port.ts';
import { parseBodyField } from '../shared/body-field.ts';
import { instant, parseFlag } from '../shared/codecs.ts';
import { cleared, Draft, value } from '../shared/reading.ts';
import { elementsByTag, parseRows, renderRows } from '../shared/table.ts';
import { parseRecurrence, renderRecurrence } from './recurrence.ts';
import { taskRows, taskRule } from './table.ts';
import { parseTaskDays, renderTaskDays } from './task-days.ts';

function render(writer: WbxmlWriter, all: TaskFields, context: RenderContext): void {
  const fields = context.foreign ? shownToOthers(all) : all;
  renderRows(writer, taskRows, fields, context);
  renderTaskDays(writer, fields, context);
  writer.element(Tasks.Complete, fields.complete ? '1' : '0');
  if (fields.complete) instant.render(writer, Tasks.DateCompleted, fields.completedAt, context);
  writer.element(Tasks.ReminderSet, fields.reminderAt ? '1' : '0');
  instant.render(writer, Tasks.ReminderTime, fields.reminderAt, context);
  if (fields.recurrence) renderRecurrence(writer, fields.recurrence, seriesStart(fields), context.version);
  renderBody(writer, fields.body as Body | undefined, context);
}

/** Of a private task others see that it is there, and when. */
function shownToOthers(fields: TaskFields): TaskFields {
  const { sensitivity, start, due, complete } = fields;
  return sensitivity === 'private' || sensitivity === 'confidential'
    ? { subject: 'Private', sensitivity, start, due, complete }
    : fields;
}

function seriesStart(fields: Fields): string | undefined {
  return (fields.start ?? fields.due) as string | undefined;
}

function parse(applicationData: Element, context: ParseContext): Parsed<TaskFields> {
  const elements = elementsByTag(applicationData);
  const draft = new Draft();
  parseRows(draft, taskRows, elements, context);
  parseTaskDays(draft, elements, context);
  parseCompletion(draft, elements, context);
  parseReminder(draft, elements, context);
  const recurrence = elements.get(Tasks.Recurrence);
  if (recurrence) {
    draft.take('recurrence', parseRecurrence(recurrence, context, context.known && seriesStart(context.known)));
  }
  parseBodyField(draft, applicationData, context);
  return draft.finish<TaskFields>(new Set(elements.keys()), context, taskRule);
}

/** DateCompleted counts only beside Complete 1 (MS-ASTASK 2.2.2.7); a task that is opened again loses it. */
function parseCompletion(draft: Draft, elements: ReadonlyMap<Tag, Element>, context: ParseContext): void {
  const complete = parseFlag(elements.get(Tasks.Complete));
  if (complete === undefined) return;
  const changes = complete || !context.known || context.known.complete === true;
  if (changes) draft.take('complete', value(complete));
  const date = elements.get(Tasks.DateCompleted);
  if (!complete) draft.take('completedAt', cleared);
  else if (date) draft.take('completedAt', instant.parse(date, context));
}

/** A reminder that is set without a time changes nothing; a time alone sets one. */
function parseReminder(draft: Draft, elements: ReadonlyMap<Tag, Element>, context: ParseContext): void {
  const set = parseFlag(elements.get(Tasks.ReminderSet));
  const time = elements.get(Tasks.ReminderTime);
  if (set === false) draft.take('reminderAt', cleared);
  else if (time) draft.take('reminderAt', instant.parse(time, context));
}

export const tasksClass: ItemClass<TaskFields> = { kind: 'task', name: 'Tasks', render, parse };
