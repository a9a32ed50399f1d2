import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Fields, itemKinds } from '../../domain/item/fields.ts';
import { arbitraryFields } from './arbitrary.ts';
import { officePatch } from './diff.ts';
import { normalise, officeHash } from './normalise.ts';

const series = {
  start: '2026-03-27T08:00:00.000Z',
  end: '2026-03-27T09:00:00.000Z',
  timeZone: 'Europe/Oslo',
  recurrence: { frequency: 'weekly' },
};

describe('what the office changed', () => {
  for (const kind of itemKinds) {
    it(`brings our ${kind} to what the office holds, and touches nothing that it cannot hold`, () => {
      fc.assert(
        fc.property(arbitraryFields[kind], arbitraryFields[kind], (ours, theirs) => {
          const seen = normalise(kind, ours) as Fields;
          const now = normalise(kind, theirs) as Fields;
          const { set, cleared } = officePatch(kind, ours, seen, now);
          const after: Record<string, unknown> = { ...ours, ...set };
          for (const name of cleared) delete after[name];
          expect(officeHash(kind, after)).toBe(officeHash(kind, now));
          for (const name of ['photo', 'otherAddress', 'uid', 'meetingStatus']) expect(after[name]).toEqual(ours[name]);
        }),
        { numRuns: 300 },
      );
    });
  }

  it('is nothing when the office holds what it was given', () => {
    const ours = { ...series, busyStatus: 'tentative', body: { type: 'html', content: '<b>x</b>' } };
    const seen = normalise('appointment', ours) as Fields;
    expect(officePatch('appointment', ours, seen, seen)).toEqual({ set: {}, cleared: [] });
  });

  it('keeps the role of an attendee whose state the office changed', () => {
    const ours = { ...series, attendees: [{ email: 'A@x.example', type: 'optional' }, { email: 'b@x.example' }] };
    const seen = normalise('appointment', ours) as Fields;
    const now = { ...seen, attendees: [{ email: 'a@x.example', status: 'accepted' }, { email: 'c@x.example' }] };
    expect(officePatch('appointment', ours, seen, now).set.attendees).toEqual([
      { email: 'a@x.example', status: 'accepted', type: 'optional' },
      { email: 'c@x.example' },
    ]);
  });

  it('keeps what only we know of an occurrence that the office moved', () => {
    const at = '2026-04-03T07:00:00.000Z';
    const ours = {
      ...series,
      exceptions: { [at]: { changed: { subject: 'Vår', location: 'Rom', categories: ['Rød'] } } },
    };
    const seen = normalise('appointment', ours) as Fields;
    const now = { ...seen, exceptions: { [at]: { changed: { subject: 'Deres' } } } };
    expect(officePatch('appointment', ours, seen, now).set.exceptions).toEqual({
      [at]: { changed: { subject: 'Deres', categories: ['Rød'] } },
    });
  });
});
