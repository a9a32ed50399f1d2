import { expect, it } from 'vitest';
import { actingAdmin } from './acting.ts';

it('names who says to act; control characters and broken encodings do no harm', () => {
  const named = (header?: string) => actingAdmin({ headers: header === undefined ? {} : { 'x-admin-name': header } });
  expect(named()).toEqual({ kind: 'admin' });
  expect(named('K%C3%A5re%0D%0AX')).toEqual({ kind: 'admin', name: 'Kåre X' });
  expect(named('50%')).toEqual({ kind: 'admin', name: '50%' });
  expect(named('%20')).toEqual({ kind: 'admin' });
  expect(named('a'.repeat(1_000)).name).toHaveLength(100);
});
