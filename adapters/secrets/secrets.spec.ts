import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { equalSecrets } from './equal.ts';
import { keptSecret, makeMasterKey, makeToken } from './kept-secret.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'secrets-'));
});
afterEach(() => rm(dir, { recursive: true }));

describe('a kept secret', () => {
  it('is made once and is the same from then on', async () => {
    const first = await keptSecret(path.join(dir, 'deep'), 'token', makeToken);
    expect(first.isNew).toBe(true);
    expect(await keptSecret(path.join(dir, 'deep'), 'token', makeToken)).toEqual({ value: first.value, isNew: false });
  });

  it('is readable by its owner alone', async () => {
    await keptSecret(dir, 'token', makeToken);
    expect((await stat(path.join(dir, 'token'))).mode & 0o777).toBe(0o600);
  });

  it('is one for all who start at once, and leaves nothing beside', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => keptSecret(dir, 'token', makeToken)));
    expect(new Set(all.map(({ value }) => value)).size).toBe(1);
    expect(all.filter(({ isNew }) => isNew)).toHaveLength(1);
    expect(await readdir(dir)).toEqual(['token']);
  });

  it('that was emptied is not replaced silently', async () => {
    await writeFile(path.join(dir, 'token'), '');
    await expect(keptSecret(dir, 'token', makeToken)).rejects.toThrow('is empty');
  });

  it('for the master key holds 32 bytes', () => {
    expect(Buffer.from(makeMasterKey(), 'base64')).toHaveLength(32);
  });
});

describe('comparing secrets', () => {
  it('tells equal from different, of any length', () => {
    expect(equalSecrets('abc', 'abc')).toBe(true);
    expect(equalSecrets('abc', 'abd')).toBe(false);
    expect(equalSecrets('', 'abd')).toBe(false);
  });
});
