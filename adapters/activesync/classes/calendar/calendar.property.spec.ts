import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AppointmentFields } from '../../../../domain/appointment/fields.ts';
import type { TimeZoneName } from '../../../../domain/shared/ids.ts';
import { appointment } from '../../../../test/arbitraries/appointment.ts';
import { zoneArithmetic } from '../../time-zone/index.ts';
import { type ProtocolVersion, protocolVersions } from '../../version.ts';
import { AirSync } from '../../wbxml/code-pages/index.ts';
import { decodeWbxml } from '../../wbxml/decode.ts';
import type { Element } from '../../wbxml/element.ts';
import { Writer } from '../../wbxml/writer.ts';
import { calendarClass } from './index.ts';

const account = { timeZone: 'Europe/Oslo' as TimeZoneName, email: 'kari@demo.example' };

function onTheWire(fields: AppointmentFields, version: ProtocolVersion): Element {
  const writer = new Writer().open(AirSync.ApplicationData);
  calendarClass.render(writer, fields, { version, bodyPreferences: [], ...account });
  const decoded = decodeWbxml(writer.close().finish());
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.root;
}

/** What a version can say of the fields. */
function sayable(fields: AppointmentFields, version: ProtocolVersion): AppointmentFields {
  const { responseRequested, disallowNewTimeProposal, ...rest } = fields;
  const said: AppointmentFields = version >= 140 ? { ...rest, responseRequested, disallowNewTimeProposal } : rest;
  if (version < 160 && said.busyStatus === 'workingElsewhere') said.busyStatus = 'busy';
  if (version < 141 && said.recurrence) said.recurrence = { ...said.recurrence, firstDayOfWeek: undefined };
  // A floating day has no zone on the wire: the item's own zone is known to the server alone.
  if (version >= 160 && said.allDay) said.timeZone = account.timeZone;
  if (said.attendees) {
    said.attendees = said.attendees.map(({ name, ...attendee }) =>
      name === undefined || name === attendee.email ? attendee : { ...attendee, name },
    );
  }
  return JSON.parse(JSON.stringify(said)) as AppointmentFields;
}

/** An end at midnight may be read as the whole day, since some devices say only the date of the last occurrence. */
function wholeDayOf(said: AppointmentFields, read: Partial<AppointmentFields>): AppointmentFields {
  const [until, readUntil] = [said.recurrence?.until, read.recurrence?.until];
  if (!said.recurrence || said.allDay || !until || !readUntil) return said;
  const longerMs = Date.parse(readUntil) - Date.parse(until);
  const isMidnight = until.endsWith('T00:00:00.000Z');
  const isWholeDay = isMidnight && longerMs > 0 && longerMs < 86_400_000;
  return isWholeDay ? { ...said, recurrence: { ...said.recurrence, until: readUntil } } : said;
}

describe.each(protocolVersions)('the Calendar class in version %i', (version) => {
  it('reads back what it wrote, as far as the version can say it', () => {
    fc.assert(
      fc.property(appointment(zoneArithmetic), (fields) => {
        // The zone is preferred as the account's: a structure means a group of zones, not one.
        const context = { ...account, timeZone: fields.allDay && version >= 160 ? account.timeZone : fields.timeZone };
        const parsed = calendarClass.parse(onTheWire(fields, version), {
          version,
          operation: 'add',
          supported: null,
          ...context,
          timeZone: context.timeZone as TimeZoneName,
        });
        const said = wholeDayOf(sayable(fields, version), parsed.kind === 'parsed' ? parsed.patch.set : {});
        expect(parsed).toEqual({ kind: 'parsed', patch: { set: said, cleared: [] } });
      }),
      {
        numRuns: 300,
        // Cairo sets its clocks back just before this midnight.
        examples: [
          [
            {
              ...{ start: '2031-09-27T00:00:00.000Z', end: '2031-09-27T00:04:00.000Z', timeZone: 'Africa/Cairo' },
              recurrence: { frequency: 'weekly', byDay: ['SA'], until: '2031-10-31T00:00:00.000Z' },
            } as AppointmentFields,
          ],
        ],
      },
    );
  });

  it('takes its own words for no change at all', () => {
    fc.assert(
      fc.property(appointment(zoneArithmetic), (fields) => {
        const parsed = calendarClass.parse(onTheWire(fields, version), {
          version,
          operation: 'change',
          supported: null,
          known: fields,
          ...account,
        });
        expect(parsed).toEqual({ kind: 'parsed', patch: { set: {}, cleared: [] } });
      }),
      { numRuns: 300 },
    );
  });

  it('never throws at what a client sends, and answers with fields or Status 6', () => {
    const known = fc.sample(appointment(zoneArithmetic, { series: 'always' }), 1)[0];
    fc.assert(
      fc.property(
        appointment(zoneArithmetic),
        fc.array(fc.tuple(fc.nat(), mutation), { minLength: 1, maxLength: 6 }),
        fc.constantFrom('add' as const, 'change' as const),
        fc.option(fc.constantFrom('20260329T080000Z', '', 'x', '20260101T000000Z'), { nil: undefined }),
        (fields, mutations, operation, instanceId) => {
          const data = mutations.reduce((tree, [at, mutate]) => mutated(tree, at, mutate), onTheWire(fields, version));
          const parsed = calendarClass.parse(data, {
            version,
            operation,
            supported: null,
            known,
            instanceId,
            ...account,
          });
          if (parsed.kind === 'refused') expect(parsed.status).toBe(6);
          else if (operation === 'add' && instanceId === undefined) {
            const context = { version, bodyPreferences: [], ...account };
            calendarClass.render(Writer.fragment(), parsed.patch.set as AppointmentFields, context);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

type Mutation = (element: Element) => Element | undefined;

const sloppyTexts = [
  '',
  '0',
  '1',
  '-1',
  '999999999999',
  'NaN',
  '20260230T250000Z',
  '99991231T235959Z',
  'AAAA',
  '\u0000',
  '7',
];
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.constant<Mutation>(() => undefined),
  fc.constantFrom(...sloppyTexts).map(
    (text): Mutation =>
      (element) => ({ ...element, text }),
  ),
  fc.string({ maxLength: 300 }).map(
    (text): Mutation =>
      (element) => ({ ...element, text }),
  ),
  fc.constant<Mutation>((element) => ({ ...element, children: [] })),
  fc.constant<Mutation>((element) => ({ ...element, children: [...element.children, ...element.children] })),
  fc.constant<Mutation>((element) => ({ ...element, children: element.children.toReversed() })),
  fc.constant<Mutation>((element) => ({ ...element, children: [element] })),
);

/** The tree with its nth element below the root changed. */
function mutated(root: Element, at: number, mutate: Mutation): Element {
  let count = 0;
  const walk = (element: Element): Element[] =>
    element.children.flatMap((inner) => {
      count++;
      return [{ ...inner, children: walk(inner) }];
    });
  walk(root);
  const target = count === 0 ? 0 : at % count;
  let index = 0;
  const change = (element: Element): Element => ({
    ...element,
    children: element.children.flatMap((inner) => {
      const isTarget = index++ === target;
      const kept = change(inner);
      const result = isTarget ? mutate(kept) : kept;
      return result === undefined ? [] : [result];
    }),
  });
  return change(root);
}
