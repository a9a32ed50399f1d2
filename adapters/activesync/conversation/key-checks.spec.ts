import { describe, expect, it } from 'vitest';
import { formatKey, parseKey } from '../../../domain/sync/key.ts';
import { KeyChecks } from './key-checks.ts';

const checks = new KeyChecks(new Uint8Array(32).fill(1));
const here = { device: 'phone', collection: 'contacts' };
const key = formatKey({ epoch: 3, counter: 41 }, checks.of(here));

describe('the check of a sync key', () => {
  it('is known again, also by another process with the same secret', () => {
    expect(parseKey(key, new KeyChecks(new Uint8Array(32).fill(1)).of(here))).toEqual({ epoch: 3, counter: 41 });
  });

  it('is always of eight digits', () => {
    const check = checks.of(here);
    for (let counter = 1; counter <= 2_000; counter++) expect(check(1, counter)).toMatch(/^\d{8}$/);
  });

  it.each([
    ['another device', checks.of({ ...here, device: 'tablet' })],
    ['another folder', checks.of({ ...here, collection: 'calendar' })],
    ['names that run together alike', checks.of({ device: 'phone/contacts', collection: '' })],
    ['another secret', new KeyChecks(new Uint8Array(32).fill(2)).of(here)],
  ])('does not hold for %s', (_, check) => {
    expect(parseKey(key, check)).toBeNull();
  });
});
