import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventId, StreamName } from '../../../domain/shared/ids.ts';
import { FingerprintFilter } from './filter.ts';
import { decodePage, type Entry, encodePage, eventsPerPage, idPrint, streamPrint } from './pages.ts';

const entries = (count: number): Entry[] =>
  Array.from({ length: count }, (_, n) => {
    const revision = n % 3;
    return { id: randomUUID() as EventId, stream: `s-${n - revision}` as StreamName, revision, position: n + 1 };
  });

describe('the filter of what was ever stored', () => {
  it('never forgets, however much is added to it', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { maxLength: 200 }), fc.nat(50), (texts, expected) => {
        const filter = new FingerprintFilter(expected);
        for (const text of texts) filter.add(idPrint(text as EventId));
        for (const text of texts) expect(filter.has(idPrint(text as EventId))).toBe(true);
      }),
    );
  });

  it('takes what is new for known less than once in a thousand times, also grown to many times its size', () => {
    const filter = new FingerprintFilter();
    for (let n = 0; n < 50_000; n++) filter.add(idPrint(`known ${n}` as EventId));
    let wrong = 0;
    for (let n = 0; n < 50_000; n++) if (filter.has(idPrint(`new ${n}` as EventId))) wrong++;
    expect(wrong).toBeLessThan(50);
  });
});

describe('a page of ids', () => {
  it('gives back the ids in their order, and the streams that began', () => {
    const some = entries(eventsPerPage);
    const page = decodePage(encodePage(some));
    expect(page.ids).toEqual(some.map(({ id }) => idPrint(id)));
    expect(page.streams).toEqual(
      some.filter(({ revision }) => revision === 0).map(({ stream }) => streamPrint(stream)),
    );
  });

  it('is not taken when it is cut', () => {
    const page = encodePage(entries(eventsPerPage));
    expect(() => decodePage(page.subarray(0, page.length - 3))).toThrow(RangeError);
    expect(() => decodePage(page.subarray(0, 800))).toThrow(RangeError);
  });
});
