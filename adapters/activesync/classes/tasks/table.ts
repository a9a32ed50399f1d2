/**
 * The properties of a task that are one element each: MS-ASTASK 2.2.2. Days, completion, reminder and recurrence take
 * several elements and have their own code; the rule names their tags too.
 */
import type { TaskFields } from '../../../../domain/task/fields.ts';
import { AirSyncBase, Tasks } from '../../wbxml/code-pages/index.ts';
import type { Tag } from '../../wbxml/element.ts';
import { instant, listOf, oneOf, text } from '../shared/codecs.ts';
import type { AbsenceRule } from '../shared/ghosting.ts';
import type { Row } from '../shared/table.ts';

export type TaskField = keyof TaskFields & string;

const importance = oneOf(['low', 'normal', 'high']);
const sensitivity = oneOf(['normal', 'personal', 'private', 'confidential']);

export const taskRows: readonly Row<TaskField>[] = [
  { tag: Tasks.Subject, field: 'subject', codec: text },
  { tag: Tasks.Importance, field: 'importance', codec: importance, unset: 'normal' },
  { tag: Tasks.Sensitivity, field: 'sensitivity', codec: sensitivity, unset: 'normal' },
  { tag: Tasks.Categories, field: 'categories', codec: listOf(Tasks.Category) },
  { tag: Tasks.OrdinalDate, field: 'ordinalDate', codec: instant },
  { tag: Tasks.SubOrdinalDate, field: 'subOrdinalDate', codec: text },
];

export const taskRule: AbsenceRule<TaskField> = {
  tags: new Map<Tag, TaskField>([
    ...taskRows.map(({ tag, field }) => [tag, field] as const),
    [Tasks.StartDate, 'start'],
    [Tasks.UtcStartDate, 'start'],
    [Tasks.DueDate, 'due'],
    [Tasks.UtcDueDate, 'due'],
    [Tasks.ReminderSet, 'reminderAt'],
    [Tasks.ReminderTime, 'reminderAt'],
    [Tasks.Recurrence, 'recurrence'],
  ]),
  ghostable: false,
  keptFrom160: false,
  // Complete is required: who leaves it out does not speak of it. The order is Outlook's; others do not know of it.
  keptWhenAbsent: new Set<Tag>([
    Tasks.Complete,
    Tasks.DateCompleted,
    Tasks.OrdinalDate,
    Tasks.SubOrdinalDate,
    AirSyncBase.Body,
  ]),
};
