import { describe, expect, it } from 'vitest';
import { instantArgument } from './time.ts';

const nowMs = Date.parse('2026-11-22T12:00:00.000Z');
const read = (text: string) => instantArgument('--since', text, nowMs);

describe('a time on the command line', () => {
  it.each([
    ['2026-11-20T14:30:00Z', '2026-11-20T14:30:00.000Z'],
    ['2026-11-20T14:30+02:00', '2026-11-20T12:30:00.000Z'],
    ['30m', '2026-11-22T11:30:00.000Z'],
    ['2h', '2026-11-22T10:00:00.000Z'],
    ['3d', '2026-11-19T12:00:00.000Z'],
  ])('%s is %s', (text, instant) => {
    expect(read(text)).toBe(instant);
  });

  it('of a day is its first moment on this machine', () => {
    expect(read('2026-11-20')).toBe(new Date(2026, 10, 20).toISOString());
  });

  it.each(['yesterday', '', '2w', '2026-13-01'])('%j is refused with what would be right', (text) => {
    expect(() => read(text)).toThrow('--since');
  });
});
