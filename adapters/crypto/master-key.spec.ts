import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { masterKeyFromBase64 } from './master-key.ts';

it('opens what it wrapped, also when it was read again', () => {
  const text = randomBytes(32).toString('base64');
  const wrapped = masterKeyFromBase64(text).wrap(Buffer.alloc(32, 3), 'kari');
  expect(Buffer.from(masterKeyFromBase64(` ${text}\n`).unwrap(wrapped, 'kari'))).toEqual(Buffer.alloc(32, 3));
});

it.each(['', 'short', `${'A'.repeat(42)}!=`, 'A'.repeat(60)])(
  'refuses %j as a master key without repeating it',
  (text) => {
    expect(() => masterKeyFromBase64(text)).toThrow('MASTER_KEY is not 32 bytes in base64');
  },
);
