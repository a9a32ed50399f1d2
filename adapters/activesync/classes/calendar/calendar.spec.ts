import { describe, expect, it } from 'vitest';
import type { AppointmentFields } from '../../../../domain/appointment/fields.ts';
import type { TimeZoneName } from '../../../../domain/shared/ids.ts';
import { encodeZone } from '../../time-zone/index.ts';
import { type ProtocolVersion, protocolVersions } from '../../version.ts';
import { AirSync, AirSyncBase, Calendar } from '../../wbxml/code-pages/index.ts';
import { decodeWbxml } from '../../wbxml/decode.ts';
import { child, childrenOf, type Element, type Tag, textOf } from '../../wbxml/element.ts';
import { Writer } from '../../wbxml/writer.ts';
import type { ParseContext, RenderContext } from '../port.ts';
import { calendarClass, deleteOccurrence, neutralSubject } from './index.ts';

const oslo = 'Europe/Oslo' as TimeZoneName;
const kari = 'kari@demo.example';
const osloBlob = encodeZone(oslo, 2026);

type Content = string | readonly Element[];
const el = (tag: Tag, content: Content = ''): Element =>
  typeof content === 'string' ? { tag, children: [], text: content } : { tag, children: content, text: '' };
const data = (...children: Element[]): Element => el(AirSync.ApplicationData, children);

function parse(applicationData: Element, context: Partial<ParseContext> = {}) {
  const base = { version: 141, operation: 'add', supported: null, timeZone: oslo, email: kari } as const;
  return calendarClass.parse(applicationData, { ...base, ...context });
}

function parsed(applicationData: Element, context: Partial<ParseContext> = {}) {
  const result = parse(applicationData, context);
  if (result.kind === 'refused') throw new Error(result.reason);
  return result.patch;
}

const change = (known: AppointmentFields, version: ProtocolVersion = 141): Partial<ParseContext> => ({
  operation: 'change',
  known,
  version,
});

function render(fields: AppointmentFields, version: ProtocolVersion = 141, more: Partial<RenderContext> = {}): Element {
  const writer = new Writer().open(AirSync.ApplicationData);
  calendarClass.render(writer, fields, { version, bodyPreferences: [], email: kari, timeZone: oslo, ...more });
  const decoded = decodeWbxml(writer.close().finish());
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.root;
}

const timed = [el(Calendar.StartTime, '20260504T070000Z'), el(Calendar.EndTime, '20260504T080000Z')];
const weekly = el(Calendar.Recurrence, [
  el(Calendar.Type, '1'),
  el(Calendar.Interval, '1'),
  el(Calendar.DayOfWeek, '2'),
]);

/** Mondays at nine in Oslo from 2 March on: the hour in UTC changes on 29 March. */
const series: AppointmentFields = {
  uid: 'series-1',
  subject: 'Status',
  location: 'Stortingsgata',
  start: '2026-03-02T08:00:00.000Z',
  end: '2026-03-02T09:00:00.000Z',
  timeZone: oslo,
  recurrence: { frequency: 'weekly', byDay: ['MO'] },
  exceptions: {
    '2026-03-09T08:00:00.000Z': { deleted: true },
    '2026-03-16T08:00:00.000Z': {
      changed: { start: '2026-03-16T10:00:00.000Z', end: '2026-03-16T11:00:00.000Z', subject: 'Status, later' },
    },
  },
};

const allDaySeries: AppointmentFields = {
  subject: 'Hytta',
  start: '2026-03-02',
  end: '2026-03-03',
  allDay: true,
  timeZone: oslo,
  recurrence: { frequency: 'weekly', byDay: ['MO'] },
  exceptions: {
    '2026-03-09': { deleted: true },
    '2026-04-06': { changed: { start: '2026-04-07', end: '2026-04-08' } },
  },
};

describe('an all-day appointment', () => {
  const zones = [
    'Etc/GMT+12',
    'Pacific/Honolulu',
    'America/Santiago',
    'UTC',
    'Europe/Oslo',
    'Asia/Kolkata',
    'Pacific/Auckland',
    'Pacific/Kiritimati',
  ];

  it.each(zones.flatMap((zone) => protocolVersions.map((version) => [zone, version] as const)))(
    'in %s keeps its days in version %i, whatever zone the person is in',
    (zone, version) => {
      for (const start of ['2026-01-15', '2026-03-29', '2026-04-05', '2026-07-01', '2026-09-06', '2026-10-25']) {
        const end = new Date(Date.parse(start) + 2 * 86_400_000).toISOString().slice(0, 10);
        const wire = render({ start, end, allDay: true, timeZone: zone }, version);
        for (const account of zones) {
          expect(parsed(wire, { version, timeZone: account as TimeZoneName }).set).toMatchObject({
            start,
            end,
            allDay: true,
          });
        }
      }
    },
  );

  it('up to 14.1 begins at midnight of its zone, from 16.0 floats and names no zone', () => {
    const fields: AppointmentFields = { start: '2026-07-01', end: '2026-07-02', allDay: true, timeZone: oslo };
    expect(textOf(render(fields, 141), Calendar.StartTime)).toBe('20260630T220000Z');
    expect(textOf(render(fields, 141), Calendar.Timezone)).toBe(osloBlob);
    expect(textOf(render(fields, 161), Calendar.StartTime)).toBe('20260701T000000Z');
    expect(textOf(render(fields, 161), Calendar.EndTime)).toBe('20260702T000000Z');
    expect(child(render(fields, 161), Calendar.Timezone)).toBeUndefined();
  });

  it.each([
    ['midnight of the zone it names', encodeZone('Asia/Tokyo', 2026), '20260630T150000Z', '20260701T150000Z'],
    [
      'midnight of the person, in a zone that says UTC',
      Buffer.alloc(172).toString('base64'),
      '20260630T220000Z',
      '20260701T220000Z',
    ],
    ['midnight without any zone', undefined, '20260701T000000Z', '20260702T000000Z'],
    ['midnight by the wrong half of the year', osloBlob, '20260630T230000Z', '20260701T230000Z'],
    ['a day of no length', osloBlob, '20260630T220000Z', '20260630T220000Z'],
    ['one minute before midnight for its end', osloBlob, '20260630T220000Z', '20260701T215900Z'],
  ])('is on its day when the device says %s', (_, zone, start, end) => {
    const times = [el(Calendar.AllDayEvent, '1'), el(Calendar.StartTime, start), el(Calendar.EndTime, end)];
    const wire = data(...(zone ? [el(Calendar.Timezone, zone)] : []), ...times);
    expect(parsed(wire).set).toMatchObject({ start: '2026-07-01', end: '2026-07-02', allDay: true });
  });

  it('becomes a timed one, and a timed one all-day, also without new times', () => {
    const day: AppointmentFields = { start: '2026-07-01', end: '2026-07-02', allDay: true, timeZone: oslo };
    expect(parsed(data(el(Calendar.AllDayEvent, '0')), change(day, 161))).toEqual({
      set: { start: '2026-06-30T22:00:00.000Z', end: '2026-07-01T22:00:00.000Z' },
      cleared: ['allDay'],
    });
    const hour = { start: '2026-07-01T22:30:00.000Z', end: '2026-07-01T23:00:00.000Z', timeZone: oslo };
    expect(parsed(data(el(Calendar.AllDayEvent, '1')), change(hour, 161)).set).toEqual({
      start: '2026-07-02',
      end: '2026-07-03',
      allDay: true,
    });
  });
});

describe('the exceptions of a series', () => {
  it('are named by their original start, up to 14.1 as ExceptionStartTime, from 16.0 as InstanceId', () => {
    const names = (version: ProtocolVersion, tag: Tag) =>
      childrenOf(child(render(series, version), Calendar.Exceptions)!, Calendar.Exception).map((e) => textOf(e, tag));
    expect(names(141, Calendar.ExceptionStartTime)).toEqual(['20260309T080000Z', '20260316T080000Z']);
    expect(names(161, AirSyncBase.InstanceId)).toEqual(['20260309T080000Z', '20260316T080000Z']);
    expect(names(161, Calendar.ExceptionStartTime)).toEqual([undefined, undefined]);
  });

  it('of an all-day series match its days in both dialects, on both sides of summer time', () => {
    const starts = (version: ProtocolVersion, tag: Tag) =>
      childrenOf(child(render(allDaySeries, version), Calendar.Exceptions)!, Calendar.Exception).map((e) =>
        textOf(e, tag),
      );
    expect(starts(141, Calendar.ExceptionStartTime)).toEqual(['20260308T230000Z', '20260405T220000Z']);
    expect(starts(161, AirSyncBase.InstanceId)).toEqual(['20260309T000000Z', '20260406T000000Z']);
    for (const version of [141, 161] as const) {
      expect(parsed(render(allDaySeries, version), { version }).set).toEqual(allDaySeries);
    }
  });

  it('always say when they take place: a device takes a missing time for that of the first day', () => {
    const exceptions = { '2026-03-16T08:00:00.000Z': { changed: { subject: 'Only the name' } } };
    const exception = child(child(render({ ...series, exceptions }), Calendar.Exceptions)!, Calendar.Exception)!;
    expect(textOf(exception, Calendar.StartTime)).toBe('20260316T080000Z');
    expect(textOf(exception, Calendar.EndTime)).toBe('20260316T090000Z');
  });

  it('are matched by the day when the device has the hour wrong', () => {
    const wrong = el(Calendar.Exceptions, [
      el(Calendar.Exception, [el(Calendar.ExceptionStartTime, '20260406T080000Z'), el(Calendar.Deleted, '1')]),
      el(Calendar.Exception, [el(Calendar.ExceptionStartTime, '20260412T220000Z'), el(Calendar.Subject, 'New')]),
    ]);
    const { exceptions: _, ...known } = series;
    expect(parsed(data(wrong), change(known)).set.exceptions).toEqual({
      '2026-04-06T07:00:00.000Z': { deleted: true },
      '2026-04-13T07:00:00.000Z': { changed: { subject: 'New' } },
    });
  });

  it('do not keep as their own what they only repeat of the series', () => {
    const repeated = el(Calendar.Exceptions, [
      el(Calendar.Exception, [
        el(Calendar.ExceptionStartTime, '20260323T080000Z'),
        el(Calendar.StartTime, '20260323T120000Z'),
        el(Calendar.EndTime, '20260323T130000Z'),
        el(Calendar.Subject, 'Status'),
        el(Calendar.Location, 'Stortingsgata'),
        el(Calendar.AllDayEvent, '0'),
      ]),
    ]);
    expect(parsed(data(repeated), change(series)).set.exceptions).toEqual({
      '2026-03-23T08:00:00.000Z': { changed: { start: '2026-03-23T12:00:00.000Z', end: '2026-03-23T13:00:00.000Z' } },
    });
  });

  it('stay, up to 14.1, with the occurrences of their days when the series moves to another hour', () => {
    const later = data(el(Calendar.StartTime, '20260302T120000Z'), el(Calendar.EndTime, '20260302T130000Z'));
    const { set } = parsed(later, change(series));
    expect(Object.keys(set.exceptions!)).toEqual(['2026-03-09T12:00:00.000Z', '2026-03-16T12:00:00.000Z']);
    expect(parsed(data(el(Calendar.Subject, 'New')), change(series))).toEqual({ set: { subject: 'New' }, cleared: [] });
  });

  it('are deleted, from 16.0, by other times or another pattern, but not by another end or the same times again', () => {
    const later = data(el(Calendar.StartTime, '20260302T120000Z'), el(Calendar.EndTime, '20260302T130000Z'));
    expect(parsed(later, change(series, 161)).cleared).toEqual(['exceptions']);
    const same = data(el(Calendar.StartTime, '20260302T080000Z'), el(Calendar.EndTime, '20260302T090000Z'), weekly);
    expect(parsed(same, change(series, 161))).toEqual({ set: {}, cleared: [] });
    // A phone abroad names its own zone: the same instant, another zone for the occurrences to come.
    const abroad = data(el(Calendar.Timezone, encodeZone('America/New_York', 2026)), ...same.children);
    const { set, cleared } = parsed(abroad, change(series, 161));
    expect(cleared).toEqual([]);
    expect(set.timeZone).toBe('America/New_York');
    expect(Object.keys(set.exceptions!)).toEqual(['2026-03-09T07:00:00.000Z', '2026-03-16T07:00:00.000Z']);
    const shorter = el(Calendar.Recurrence, [...weekly.children, el(Calendar.Until, '20260601T070000Z')]);
    expect(parsed(data(shorter), change(series, 161))).toEqual({
      set: { recurrence: { ...series.recurrence, until: '2026-06-01T07:00:00.000Z' } },
      cleared: [],
    });
  });
});

describe('a series with more exceptions than the wire takes', () => {
  it('tells the latest, and keeps the others when the device repeats what it was told', () => {
    const keys = Array.from({ length: 300 }, (_, week) =>
      new Date(Date.UTC(2026, 2, 2) + week * 7 * 86_400_000).toISOString().slice(0, 10),
    );
    const exceptions = Object.fromEntries(keys.map((key) => [key, { deleted: true as const }]));
    const many = { ...allDaySeries, exceptions };
    const wire = render(many);
    expect(child(wire, Calendar.Exceptions)!.children).toHaveLength(256);
    expect(parsed(wire, change(many))).toEqual({ set: {}, cleared: [] });
  });
});

describe('a change of one occurrence in 16.x', () => {
  const about = (instanceId: string, known = series): Partial<ParseContext> => ({ ...change(known, 161), instanceId });

  it('sets what it says and keeps what the occurrence had, and all other exceptions', () => {
    const patch = parsed(
      data(el(AirSyncBase.Location, [el(AirSyncBase.DisplayName, 'Teams')])),
      about('20260316T080000Z'),
    );
    expect(patch.set.exceptions).toEqual({
      '2026-03-09T08:00:00.000Z': { deleted: true },
      '2026-03-16T08:00:00.000Z': {
        changed: {
          start: '2026-03-16T10:00:00.000Z',
          end: '2026-03-16T11:00:00.000Z',
          subject: 'Status, later',
          location: 'Teams',
        },
      },
    });
    expect(Object.keys(patch.set)).toEqual(['exceptions']);
  });

  it('moves an occurrence, without a word of the zone', () => {
    const times = [el(Calendar.StartTime, '20260330T110000Z'), el(Calendar.EndTime, '20260330T120000Z')];
    expect(parsed(data(...times), about('20260330T070000Z')).set.exceptions).toMatchObject({
      '2026-03-30T07:00:00.000Z': { changed: { start: '2026-03-30T11:00:00.000Z', end: '2026-03-30T12:00:00.000Z' } },
    });
  });

  it('moves an occurrence of an all-day series by floating days', () => {
    const times = [el(Calendar.StartTime, '20260317T000000Z'), el(Calendar.EndTime, '20260318T000000Z')];
    expect(parsed(data(...times), about('20260316T000000Z', allDaySeries)).set.exceptions).toMatchObject({
      '2026-03-16': { changed: { start: '2026-03-17', end: '2026-03-18' } },
    });
  });

  it('finds the occurrence by its day, and is refused with 6 where there is none', () => {
    expect(parsed(data(el(Calendar.Subject, 'X')), about('20260330T080000Z')).set.exceptions).toHaveProperty([
      '2026-03-30T07:00:00.000Z',
    ]);
    for (const nowhere of ['20260331T070000Z', 'soon', '']) {
      expect(parse(data(el(Calendar.Subject, 'X')), about(nowhere))).toMatchObject({ kind: 'refused', status: 6 });
    }
    const { recurrence: _, ...single } = series;
    expect(parse(data(), about('20260302T080000Z', single))).toMatchObject({ kind: 'refused', status: 6 });
  });

  it('empties a value where the series has one', () => {
    const patch = parsed(
      data(el(AirSyncBase.Location), el(Calendar.Reminder)),
      about('20260323T080000Z', { ...series, reminderMinutes: 15 }),
    );
    expect(patch.set.exceptions?.['2026-03-23T08:00:00.000Z']).toEqual({
      changed: { location: '', reminderMinutes: null },
    });
  });

  it('deletes one occurrence: timed, all-day, changed before or deleted already', () => {
    const deleted = (fields: AppointmentFields, id: string) => {
      const result = deleteOccurrence(fields, id);
      return result.kind === 'parsed' ? result.patch.set.exceptions : result.status;
    };
    expect(deleted(series, '20260330T070000Z')).toEqual({
      ...series.exceptions,
      '2026-03-30T07:00:00.000Z': { deleted: true },
    });
    expect(deleted(series, '20260316T080000Z')).toMatchObject({ '2026-03-16T08:00:00.000Z': { deleted: true } });
    expect(deleted(allDaySeries, '20260316T000000Z')).toMatchObject({ '2026-03-16': { deleted: true } });
    expect(deleted(allDaySeries, '20260315T230000Z')).toMatchObject({ '2026-03-16': { deleted: true } });
    expect(deleted(series, '20260309T080000Z')).toBeUndefined();
    expect(deleted(series, '20260310T080000Z')).toBe(6);
    const context = { supported: null, timeZone: oslo, email: kari, version: 161, operation: 'change' } as const;
    expect(calendarClass.deleteInstance?.({ ...context, known: series, instanceId: '20260330T070000Z' })).toEqual(
      deleteOccurrence(series, '20260330T070000Z'),
    );
    expect(calendarClass.deleteInstance?.(context)).toMatchObject({ kind: 'refused', status: 6 });
  });
});

describe('what is left out and what is empty', () => {
  const known: AppointmentFields = {
    ...series,
    reminderMinutes: 15,
    categories: ['Kunde'],
    body: { type: 'text', content: 'x' },
  };

  it.each(protocolVersions)('left out stays and empty clears in version %i', (version) => {
    expect(parsed(data(), change(known, version))).toEqual({ set: {}, cleared: [] });
    const location = version >= 160 ? AirSyncBase.Location : Calendar.Location;
    const emptied = data(el(location), el(Calendar.Reminder), el(Calendar.Categories), el(Calendar.Recurrence));
    expect(parsed(emptied, change(known, version)).cleared.toSorted()).toEqual([
      'categories',
      'exceptions',
      'location',
      'recurrence',
      'reminderMinutes',
    ]);
  });

  it('left out clears, up to 14.1, what the device has said to manage', () => {
    const supported = new Set([Calendar.Location, Calendar.Reminder]);
    expect(parsed(data(), { ...change(known), supported }).cleared.toSorted()).toEqual(['location', 'reminderMinutes']);
    expect(parsed(data(), { ...change(known), supported: new Set() }).cleared).toEqual([]);
    expect(parsed(data(), { ...change(known, 161), supported }).cleared).toEqual([]);
  });
});

describe('two changes', () => {
  it('are not set at odds by the stamps that devices put on them', () => {
    const stamped = data(el(Calendar.DtStamp, '20260504T070000Z'), el(Calendar.Subject, 'New'));
    expect(parsed(stamped, change({ ...series, dtStamp: '2026-01-01T00:00:00.000Z' })).set).toEqual({ subject: 'New' });
  });
});

describe('sloppy devices', () => {
  it('make a meeting without an organizer: it is their own', () => {
    const attendees = el(Calendar.Attendees, [el(Calendar.Attendee, [el(Calendar.Email, 'ola@demo.example')])]);
    expect(parsed(data(...timed, attendees)).set).toMatchObject({ organizer: { email: kari }, meetingStatus: 1 });
    expect(parsed(data(...timed)).set).not.toHaveProperty('organizer');
  });

  it('cannot take a meeting over, nor give it another UID, nor undo an answer', () => {
    const known: AppointmentFields = {
      ...series,
      organizer: { email: 'boss@demo.example' },
      attendees: [{ email: 'ola@demo.example', status: 'accepted', type: 'required' }],
    };
    const wire = data(
      el(Calendar.UID, 'other'),
      el(Calendar.OrganizerEmail, kari),
      el(Calendar.Attendees, [
        el(Calendar.Attendee, [el(Calendar.Email, 'Ola@demo.example'), el(Calendar.Name, 'Ola')]),
      ]),
    );
    expect(parsed(wire, change(known)).set).toEqual({
      attendees: [{ email: 'Ola@demo.example', name: 'Ola', status: 'accepted', type: 'required' }],
    });
  });

  it('send identifiers with a NUL at the end', () => {
    expect(parsed(data(...timed, el(Calendar.ClientUid, `${'A'.repeat(32)}\0`)), { version: 161 }).set.uid).toBe(
      'A'.repeat(32),
    );
  });

  it('write times in long form, or only a start', () => {
    expect(parsed(data(el(Calendar.StartTime, '2026-05-04T07:00:00.000Z'))).set).toMatchObject({
      start: '2026-05-04T07:00:00.000Z',
      end: '2026-05-04T07:30:00.000Z',
    });
  });

  it('say the date of the last occurrence for the end of a series', () => {
    const until = (text: string) => {
      const rule = el(Calendar.Recurrence, [...weekly.children, el(Calendar.Until, text)]);
      return parsed(data(el(Calendar.Timezone, osloBlob), ...timed, rule)).set.recurrence?.until;
    };
    expect(until('20260601T000000Z')).toBe('2026-06-01T07:00:00.000Z');
    expect(until('20260531T220000Z')).toBe('2026-06-01T07:00:00.000Z');
    expect(until('20260601T215959Z')).toBe('2026-06-01T21:59:59.000Z');
    expect(until('45001231T000000Z')).toBeUndefined();
  });

  it.each<[string, Element[]]>([
    ['no times at all', [el(Calendar.Subject, 'X')]],
    ['times that are none', [el(Calendar.StartTime, '20260230T070000Z'), timed[1]!]],
    ['an end before its start', [el(Calendar.StartTime, '20260504T090000Z'), timed[1]!]],
    ['a pattern that nobody knows', [...timed, el(Calendar.Recurrence, [el(Calendar.Type, '4')])]],
    [
      'an exception of nothing',
      [...timed, weekly, el(Calendar.Exceptions, [el(Calendar.Exception, [el(Calendar.Deleted, '1')])])],
    ],
  ])('are answered with Status 6 for %s', (_, children) => {
    expect(parse(data(...children))).toMatchObject({ kind: 'refused', status: 6 });
  });

  it('send numbers out of range: what can be hidden is hidden, what can be taken is taken', () => {
    const wire = data(
      ...timed,
      el(Calendar.Sensitivity, '9'),
      el(Calendar.BusyStatus, '9'),
      el(Calendar.MeetingStatus, '99'),
    );
    expect(parsed(wire).set).toMatchObject({ sensitivity: 'private', busyStatus: 'busy' });
    expect(parsed(wire).set).not.toHaveProperty('meetingStatus');
  });
});

describe('a body', () => {
  it('that the device has only as text is not destroyed when it comes back as text', () => {
    const known: AppointmentFields = { ...series, body: { type: 'html', content: '<p>Agenda</p>' } };
    const body = (text: string) => el(AirSyncBase.Body, [el(AirSyncBase.Type, '1'), el(AirSyncBase.Data, text)]);
    expect(parsed(data(body('Agenda')), change(known))).toEqual({ set: {}, cleared: [] });
    expect(parsed(data(body('New agenda')), change(known)).set.body).toEqual({ type: 'text', content: 'New agenda' });
    expect(parsed(data(el(AirSyncBase.Body, [el(AirSyncBase.Data)])), change(known)).cleared).toEqual(['body']);
  });
});

describe('a version', () => {
  const fields: AppointmentFields = {
    ...series,
    busyStatus: 'workingElsewhere',
    responseRequested: true,
    responseType: 1,
    disallowNewTimeProposal: false,
    recurrence: { frequency: 'weekly', byDay: ['MO'], firstDayOfWeek: 'MO' },
  };

  it('is told only what it knows', () => {
    const tags = (version: ProtocolVersion) => new Set(render(fields, version).children.map(({ tag }) => tag));
    expect(tags(121).has(Calendar.ResponseType)).toBe(false);
    expect(tags(140).has(Calendar.ResponseType)).toBe(true);
    expect(tags(141).has(Calendar.Location)).toBe(true);
    expect(tags(160).has(Calendar.Location)).toBe(false);
    expect(tags(160).has(AirSyncBase.Location)).toBe(true);
    const firstDay = (version: ProtocolVersion) =>
      textOf(child(render(fields, version), Calendar.Recurrence)!, Calendar.FirstDayOfWeek);
    expect([firstDay(140), firstDay(141)]).toEqual([undefined, '1']);
    expect([
      textOf(render(fields, 141), Calendar.BusyStatus),
      textOf(render(fields, 160), Calendar.BusyStatus),
    ]).toEqual(['2', '4']);
  });

  it('never fails at values that are none', () => {
    const broken: AppointmentFields = {
      start: 'x',
      end: '',
      timeZone: 'Middle/Earth',
      recurrence: { frequency: 'monthlyNth', until: 'never' },
      exceptions: { y: { changed: { start: 'z' } }, '+275760-09-13T00:00:00.000Z': { changed: { subject: 'late' } } },
      dtStamp: 'w',
    };
    for (const version of protocolVersions) {
      for (const allDay of [true, false]) expect(() => render({ ...broken, allDay }, version)).not.toThrow();
    }
  });
});

describe('a private appointment in a folder of somebody else', () => {
  const secret = 'Oppsigelse';
  const own: AppointmentFields = {
    ...series,
    subject: secret,
    location: secret,
    body: { type: 'text', content: secret },
    attendees: [{ email: `${secret}@demo.example` }],
    organizer: { email: `${secret}@demo.example` },
    categories: [secret],
    busyStatus: 'busy',
    exceptions: { '2026-03-16T08:00:00.000Z': { changed: { subject: secret, location: secret } } },
  };

  it.each(protocolVersions)('shows that the person is taken, and when, and nothing else, in version %i', (version) => {
    for (const sensitivity of ['private', 'confidential'] as const) {
      const shown = render({ ...own, sensitivity }, version, { foreign: true });
      expect(JSON.stringify(shown)).not.toContain(secret);
      expect(textOf(shown, Calendar.Subject)).toBe(neutralSubject);
      expect(textOf(shown, Calendar.BusyStatus)).toBe('2');
      expect(textOf(shown, Calendar.StartTime)).toBe('20260302T080000Z');
      expect(child(shown, Calendar.Recurrence)).toBeDefined();
    }
  });

  it('hides a single private occurrence of an open series', () => {
    const exceptions = {
      '2026-03-16T08:00:00.000Z': { changed: { subject: secret, sensitivity: 'private' as const } },
    };
    const shown = render({ ...series, exceptions }, 161, { foreign: true });
    expect(JSON.stringify(shown)).not.toContain(secret);
    expect(textOf(shown, Calendar.Subject)).toBe('Status');
  });

  it('is shown whole to the person, and open ones to everybody', () => {
    expect(JSON.stringify(render({ ...own, sensitivity: 'private' }))).toContain(secret);
    expect(JSON.stringify(render({ ...own, sensitivity: 'personal' }, 141, { foreign: true }))).toContain(secret);
  });
});
