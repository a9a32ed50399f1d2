import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatKey, type KeyCheck, parseKey } from './key.ts';

/** Some function of both numbers and of whom the key is for. */
const checkOf =
  (secret: number): KeyCheck =>
  (epoch, counter) => {
    let mixed = secret;
    for (const digit of `${epoch}/${counter}`) mixed = (mixed * 31 + digit.charCodeAt(0)) % 100_000_007;
    return String(mixed % 100_000_000).padStart(8, '0');
  };
const ours = checkOf(17);
const parts = fc.record({
  epoch: fc.integer({ min: 1, max: 999_999_999 }),
  counter: fc.integer({ min: 1, max: 2 ** 40 }),
});

describe('a sync key', () => {
  it('says what it was made of, in at most 64 digits and never as 0', () => {
    fc.assert(
      fc.property(parts, (it) => {
        const text = formatKey(it, ours);
        expect(parseKey(text, ours)).toEqual(it);
        expect(text).toMatch(/^[1-9]\d{0,63}$/);
      }),
    );
  });

  it('differs for every epoch and counter', () => {
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        const isSame = one.epoch === other.epoch && one.counter === other.counter;
        expect(formatKey(one, ours) === formatKey(other, ours)).toBe(isSame);
      }),
    );
  });

  it('of another device or folder is not known here', () => {
    const theirs = checkOf(4711);
    fc.assert(
      fc.property(parts, (it) => {
        fc.pre(ours(it.epoch, it.counter) !== theirs(it.epoch, it.counter));
        expect(parseKey(formatKey(it, theirs), ours)).toBeNull();
      }),
    );
  });

  it('with any digit changed, put in or left out is not known', () => {
    fc.assert(
      fc.property(parts, fc.nat(), fc.constantFrom(...'0123456789'), fc.nat(2), (it, at, digit, how) => {
        const text = formatKey(it, ours);
        const place = at % text.length;
        const forged =
          text.slice(0, place) + (how === 2 ? '' : digit) + text.slice(place + (how === 0 ? 1 : how === 1 ? 0 : 1));
        fc.pre(forged !== text);
        const found = parseKey(forged, ours);
        // Eight digits can be hit by chance; then it is the key of what it names, written as we write it.
        if (found) expect(formatKey(found, ours)).toBe(forged);
      }),
    );
  });

  it.each([
    '',
    '0',
    '1',
    'abc',
    '-1',
    '1 2',
    '１２３４５６７８９０１２',
    '9'.repeat(31),
    '9'.repeat(1_000_000),
    '{"a":1}',
    '1100000000',
    '1e400000000000',
  ])('is not what a phone makes up: %.40s', (text) => {
    expect(parseKey(text, ours)).toBeNull();
  });

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^\d{1,40}$/)), (text) => {
        const found = parseKey(text, ours);
        if (found) expect(formatKey(found, ours)).toBe(text);
      }),
    );
  });
});
