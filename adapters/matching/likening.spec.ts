import { describe, expect, it } from 'vitest';
import type { TimeZoneName } from '../../domain/shared/ids.ts';
import { likeningFor } from './likening.ts';

const inOslo = likeningFor('Europe/Oslo' as TimeZoneName);

describe('a number', () => {
  it.each(['900 11 222', '+47 900 11 222', '004790011222', '(+47) 90 01 12 22', 'tel: 90011222'])(
    'is the same however it is written: %s',
    (text) => expect(inOslo.number(text)).toBe('+4790011222'),
  );

  it('without a country code is of the country where the person is', () => {
    const inStockholm = likeningFor('Europe/Stockholm' as TimeZoneName);
    expect(inStockholm.number('08-123 456 78')).toBe('+46812345678');
    expect(inOslo.number('+46 8 123 456 78')).toBe('+46812345678');
    expect(likeningFor('Moon/Crater' as TimeZoneName).number('90011222')).toBe('+4790011222');
  });

  it('is another one with an extension', () => {
    expect(inOslo.number('22 00 11 22 ext. 5')).not.toBe(inOslo.number('22 00 11 22'));
  });

  it('that says nothing is none', () => {
    for (const text of ['', 'ukjent', '113', '9'.repeat(500)]) expect(inOslo.number(text)).toBe('');
    expect(inOslo.number('1234567890123456789')).toBe('1234567890123456789');
  });
});
