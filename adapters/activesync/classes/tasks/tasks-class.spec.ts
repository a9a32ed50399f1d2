import { describe, expect, it } from 'vitest';
import type { TimeZoneName } from '../../../../domain/shared/ids.ts';
import type { TaskFields } from '../../../../domain/task/fields.ts';
import { AirSync, AirSyncBase, Tasks } from '../../wbxml/code-pages/index.ts';
import { decodeWbxml } from '../../wbxml/decode.ts';
import { child, type Element, textOf } from '../../wbxml/element.ts';
import { Writer } from '../../wbxml/writer.ts';
import type { ParseContext, RenderContext } from '../port.ts';
import { tasksClass } from './tasks-class.ts';

const base = { version: 141, email: 'kari@fjord.example', timeZone: 'Europe/Oslo' as TimeZoneName } as const;
const renderContext: RenderContext = { ...base, bodyPreferences: [] };
const adding: ParseContext = { ...base, operation: 'add', supported: null };
const changing = (known: TaskFields, more: Partial<ParseContext> = {}): ParseContext => ({
  ...base,
  operation: 'change',
  supported: null,
  known,
  ...more,
});

function item(write: (writer: Writer) => void): Element {
  const writer = new Writer();
  writer.open(AirSync.ApplicationData).empty(AirSync.Status);
  write(writer);
  const decoded = decodeWbxml(writer.close().finish());
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.root;
}

const rendered = (fields: TaskFields, context = renderContext): Element =>
  item((writer) => tasksClass.render(writer, fields, context));

const added = (write: (writer: Writer) => void): TaskFields => {
  const parsed = tasksClass.parse(item(write), adding);
  if (parsed.kind === 'refused') throw new Error(parsed.reason);
  return parsed.patch.set;
};

describe('the days of a task', () => {
  it('are written as local midnight and as its instant in the zone of the person', () => {
    const root = rendered({ start: '2026-01-05', due: '2026-06-05' });
    expect(textOf(root, Tasks.StartDate)).toBe('2026-01-05T00:00:00.000Z');
    expect(textOf(root, Tasks.UtcStartDate)).toBe('2026-01-04T23:00:00.000Z');
    expect(textOf(root, Tasks.DueDate)).toBe('2026-06-05T00:00:00.000Z');
    expect(textOf(root, Tasks.UtcDueDate)).toBe('2026-06-04T22:00:00.000Z');
  });

  it.each([
    ['local and UTC as they should be', '2026-06-05T00:00:00.000Z', '2026-06-04T22:00:00.000Z'],
    ['a person abroad', '2026-06-05T00:00:00.000Z', '2026-06-05T07:00:00.000Z'],
    ['the same instant of midnight twice', '2026-06-04T22:00:00.000Z', '2026-06-04T22:00:00.000Z'],
    ['the same UTC midnight twice', '2026-06-05T00:00:00.000Z', '2026-06-05T00:00:00.000Z'],
    ['an hour of the day', '2026-06-05T17:00:00.000Z', '2026-06-05T15:00:00.000Z'],
    ['an hour late in the day', '2026-06-05T23:00:00.000Z', '2026-06-05T21:00:00.000Z'],
    ['local alone', '2026-06-05T00:00:00.000Z', undefined],
    ['UTC alone', undefined, '2026-06-04T22:00:00.000Z'],
  ])('are understood from %s', (_, local, utc) => {
    const fields = added((writer) => {
      if (local) writer.element(Tasks.DueDate, local);
      if (utc) writer.element(Tasks.UtcDueDate, utc);
    });
    expect(fields.due).toBe('2026-06-05');
  });

  it('are cleared by empty elements and refused when they are no days', () => {
    const empty = item((writer) => writer.empty(Tasks.DueDate).empty(Tasks.UtcDueDate).element(Tasks.Complete, '0'));
    expect(tasksClass.parse(empty, changing({ due: '2026-06-05' }))).toMatchObject({
      patch: { set: {}, cleared: ['due'] },
    });
    const odd = item((writer) => writer.element(Tasks.DueDate, 'tomorrow'));
    expect(tasksClass.parse(odd, adding)).toMatchObject({ kind: 'refused', status: 6 });
  });
});

describe('completing a task', () => {
  const open: TaskFields = { subject: 'Call', complete: false };
  const done: TaskFields = { subject: 'Call', complete: true, completedAt: '2026-03-01T10:00:00.000Z' };

  it('sets it and when', () => {
    const sent = item((writer) =>
      writer
        .element(Tasks.Subject, 'Call')
        .element(Tasks.Complete, '1')
        .element(Tasks.DateCompleted, '2026-03-01T10:00:00Z'),
    );
    expect(tasksClass.parse(sent, changing(open))).toMatchObject({
      patch: { set: { complete: true, completedAt: '2026-03-01T10:00:00.000Z' }, cleared: [] },
    });
  });

  it('is undone together with when', () => {
    const sent = item((writer) => writer.element(Tasks.Subject, 'Call').element(Tasks.Complete, '0'));
    expect(tasksClass.parse(sent, changing(done))).toMatchObject({
      patch: { set: { complete: false }, cleared: ['completedAt'] },
    });
  });

  it('is not spoken of by a change that leaves it out', () => {
    const sent = item((writer) => writer.element(Tasks.Subject, 'Call her'));
    expect(tasksClass.parse(sent, changing(done))).toMatchObject({
      patch: { set: { subject: 'Call her' }, cleared: [] },
    });
  });
});

describe('the reminder of a task', () => {
  const known: TaskFields = { reminderAt: '2026-03-01T10:00:00.000Z' };

  it('is cleared by ReminderSet 0, whatever time stands beside it', () => {
    const sent = item((writer) =>
      writer.element(Tasks.ReminderSet, '0').element(Tasks.ReminderTime, '2026-03-01T10:00:00.000Z'),
    );
    expect(tasksClass.parse(sent, changing(known))).toMatchObject({ patch: { set: {}, cleared: ['reminderAt'] } });
  });

  it('stays when it is said to be set without a time', () => {
    const sent = item((writer) => writer.element(Tasks.ReminderSet, '1'));
    expect(tasksClass.parse(sent, changing(known))).toMatchObject({ patch: { set: {}, cleared: [] } });
  });
});

describe('a recurring task', () => {
  const weekly: TaskFields = { due: '2026-06-05', recurrence: { frequency: 'weekly', byDay: ['MO', 'FR'] } };

  it('tells its start and, from 14.1, its first day of the week', () => {
    const recurrence = child(rendered(weekly), Tasks.Recurrence);
    if (!recurrence) throw new Error('no Recurrence');
    expect(textOf(recurrence, Tasks.Type)).toBe('1');
    expect(textOf(recurrence, Tasks.Start)).toBe('2026-06-05T00:00:00.000Z');
    expect(textOf(recurrence, Tasks.DayOfWeek)).toBe('34');
    expect(textOf(recurrence, Tasks.FirstDayOfWeek)).toBe('1');
    const earlier = child(rendered(weekly, { ...renderContext, version: 140 }), Tasks.Recurrence);
    expect(earlier && child(earlier, Tasks.FirstDayOfWeek)).toBeUndefined();
  });

  it('keeps what an older version cannot say when a device of that version changes it', () => {
    const known: TaskFields = { recurrence: { frequency: 'weekly', byDay: ['MO'], firstDayOfWeek: 'SU', interval: 1 } };
    const sent = item((writer) =>
      writer
        .open(Tasks.Recurrence)
        .element(Tasks.Type, '1')
        .element(Tasks.Interval, '2')
        .element(Tasks.DayOfWeek, '2')
        .close(),
    );
    expect(tasksClass.parse(sent, changing(known, { version: 121 }))).toMatchObject({
      patch: { set: { recurrence: { frequency: 'weekly', interval: 2, byDay: ['MO'], firstDayOfWeek: 'SU' } } },
    });
  });

  it('ends when the recurrence is empty, or from 16.0 left out', () => {
    for (const write of [() => {}, (writer: Writer) => writer.empty(Tasks.Recurrence)]) {
      const sent = item((writer) => {
        writer.element(Tasks.DueDate, '2026-06-05T00:00:00.000Z');
        write(writer);
      });
      expect(tasksClass.parse(sent, changing(weekly, { version: 160 }))).toMatchObject({
        patch: { set: {}, cleared: ['recurrence'] },
      });
    }
  });

  it('is refused when its type is unknown', () => {
    const sent = item((writer) => writer.open(Tasks.Recurrence).element(Tasks.Type, '4').close());
    expect(tasksClass.parse(sent, adding)).toMatchObject({ kind: 'refused', status: 6 });
  });
});

describe('a private task in the folder of another person', () => {
  it('shows that it is there and when, and nothing else', () => {
    const root = rendered(
      {
        subject: 'Doctor',
        due: '2026-06-05',
        sensitivity: 'private',
        body: { type: 'text', content: 'why' },
        categories: ['me'],
      },
      { ...renderContext, foreign: true },
    );
    expect(textOf(root, Tasks.Subject)).toBe('Private');
    expect(textOf(root, Tasks.DueDate)).toBe('2026-06-05T00:00:00.000Z');
    expect(child(root, Tasks.Categories)).toBeUndefined();
    const body = child(root, AirSyncBase.Body);
    expect(body && textOf(body, AirSyncBase.EstimatedDataSize)).toBe('0');
  });
});
