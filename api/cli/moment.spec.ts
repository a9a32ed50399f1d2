import { describe, expect, it } from 'vitest';
import { momentOf, spanMsOf } from './moment.ts';

const nowMs = Date.parse('2026-11-22T18:00:00.000Z');

describe('times on the command line', () => {
  it('are how long ago, or ISO 8601', () => {
    expect(momentOf('90m', '--since', nowMs)).toBe('2026-11-22T16:30:00.000Z');
    expect(momentOf('1w', '--since', nowMs)).toBe('2026-11-15T18:00:00.000Z');
    expect(momentOf('2026-11-22T18:00:00+01:00', '--since', nowMs)).toBe('2026-11-22T17:00:00.000Z');
    expect(momentOf('2026-11-22', '--since', nowMs)).toBe(new Date(2026, 10, 22).toISOString());
    expect(spanMsOf('2h', '--for')).toBe(7_200_000);
  });

  it.each(['', 'yesterday', '2h30', '0h', '-2h', '2026-13-01', '22', '99999999999d'])('"%s" is none', (text) => {
    expect(() => momentOf(text, '--since', nowMs)).toThrow('--since must be');
    expect(() => spanMsOf(text, '--for')).toThrow('--for must be a span of time');
  });
});
