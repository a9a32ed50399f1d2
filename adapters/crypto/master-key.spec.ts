import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { keptMasterKey, masterKeyFromBase64 } from './master-key.ts';

const dir = await mkdtemp(path.join(tmpdir(), 'mobilesync-master-'));
afterAll(() => rm(dir, { recursive: true }));

it('makes a master key once, readable by its owner alone', async () => {
  const file = path.join(dir, 'master.key');
  const first = await keptMasterKey(file);
  const wrapped = first.wrap(Buffer.alloc(32, 3), 'kari');
  const second = await keptMasterKey(file);
  expect(Buffer.from(second.unwrap(wrapped, 'kari'))).toEqual(Buffer.alloc(32, 3));
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

it.each(['', 'short', `${'A'.repeat(42)}!=`, 'A'.repeat(60)])(
  'refuses %j as a master key without repeating it',
  (text) => {
    expect(() => masterKeyFromBase64(text)).toThrow('MASTER_KEY is not 32 bytes in base64');
  },
);
