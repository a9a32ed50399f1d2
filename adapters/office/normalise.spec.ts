import { describe, expect, it } from 'vitest';
import { normalise, officeHash, unsupportedFields } from './normalise.ts';

const appointment = { start: '2026-03-27T08:00:00.000Z', end: '2026-03-27T09:00:00.000Z', timeZone: 'Europe/Oslo' };

describe('what the office holds', () => {
  it('has the same hash for values it does not tell apart', () => {
    const same = [
      [
        { ...appointment },
        {
          ...appointment,
          start: '2026-03-27T08:00:31.000Z',
          busyStatus: 'tentative',
          uid: 'x',
          subject: ' (uten tittel)',
        },
      ],
      [
        { ...appointment, sensitivity: 'private' },
        { ...appointment, sensitivity: 'confidential' },
      ],
      [
        { ...appointment, attendees: [{ email: 'a@x.example' }, { email: 'b@x.example', status: 'notResponded' }] },
        { ...appointment, attendees: [{ email: 'B@x.example', type: 'optional' }, { email: '"A" <a@x.example>' }] },
      ],
    ] as const;
    for (const [one, other] of same) expect(officeHash('appointment', one)).toBe(officeHash('appointment', other));
    expect(officeHash('task', { complete: true })).toBe(officeHash('task', { percentComplete: 100 }));
    expect(officeHash('contact', { mobilePhone: ' 1 ', photo: 'x' })).toBe(officeHash('contact', { mobilePhone: '1' }));
    expect(officeHash('note', { body: { type: 'html', content: '<p>en</p>' } })).toBe(
      officeHash('note', { body: { type: 'text', content: 'en' } }),
    );
  });

  it('has another hash for values it tells apart', () => {
    const hashes = [
      officeHash('appointment', appointment),
      officeHash('appointment', { ...appointment, busyStatus: 'free' }),
      officeHash('appointment', { ...appointment, reminderMinutes: 0 }),
      officeHash('appointment', { ...appointment, timeZone: 'UTC' }),
      officeHash('task', {}),
      officeHash('task', { importance: 'high' }),
      officeHash('contact', {}),
      officeHash('note', {}),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it('drops the exceptions of what no longer repeats', () => {
    expect(
      normalise('appointment', { ...appointment, exceptions: { [appointment.start]: { deleted: true } } }),
    ).toEqual(appointment);
  });

  it('takes an open task that is said to be complete by its percent as not complete when the phone says so', () => {
    expect(normalise('task', { complete: false, percentComplete: 100 })).toEqual({});
  });

  it('names what it would hold in another value', () => {
    const fields = {
      ...appointment,
      busyStatus: 'tentative',
      body: { type: 'html', content: '<b>x</b>' },
      sensitivity: 'normal',
    };
    expect(unsupportedFields('appointment', fields)).toEqual(['body', 'busyStatus']);
  });

  it('wants the content of a body, not its name in the blob store', () => {
    expect(() => normalise('note', { body: { type: 'text', blob: 'ab', size: 2 } })).toThrow(TypeError);
  });

  it('cuts a document that is deep or endless in short time', () => {
    const startedMs = performance.now();
    for (const content of ['<div>'.repeat(200_000), '<ul><li>'.repeat(100_000), '<'.repeat(900_000)]) {
      normalise('note', { body: { type: 'html', content } });
    }
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  });
});
