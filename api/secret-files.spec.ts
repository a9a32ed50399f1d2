import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, helpText, readConfig, secretNames } from './config.ts';
import { withSecretFiles } from './secret-files.ts';

const root = path.join(import.meta.dirname, '..');
let directory: string;
const kept = async (text: string) => {
  const file = path.join(directory, `${Math.random()}`);
  await writeFile(file, text);
  return file;
};
const message = (env: NodeJS.ProcessEnv) => {
  try {
    withSecretFiles(env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error('accepted');
};

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-secrets-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('a secret that a file holds', () => {
  it('stands for its variable, whichever secret it is', async () => {
    expect([...secretNames].sort()).toEqual(['ADMIN_TOKEN', 'DATABASE_URL', 'EVENTSTORE_URL', 'MASTER_KEY']);
    for (const name of secretNames) {
      expect(withSecretFiles({ [`${name}_FILE`]: await kept('a secret'), PORT: '1' })).toEqual({
        [name]: 'a secret',
        PORT: '1',
      });
    }
  });

  it('loses the newline that editors and echo put at its end', async () => {
    const files = { ADMIN_TOKEN_FILE: await kept('token\n'), DATABASE_URL_FILE: await kept('postgres://h/d\r\n\n') };
    expect(readConfig(withSecretFiles(files))).toMatchObject({ adminToken: 'token', databaseUrl: 'postgres://h/d' });
  });

  it('is not given both ways', async () => {
    const file = await kept('second');
    expect(message({ ADMIN_TOKEN: 'first', ADMIN_TOKEN_FILE: file })).toBe(
      'ADMIN_TOKEN and ADMIN_TOKEN_FILE are both set: give one of them.',
    );
    expect(withSecretFiles({ ADMIN_TOKEN: ' ', ADMIN_TOKEN_FILE: file }).ADMIN_TOKEN).toBe('second');
    expect(withSecretFiles({ ADMIN_TOKEN: 'first', ADMIN_TOKEN_FILE: '' }).ADMIN_TOKEN).toBe('first');
  });

  it('is told of by its variable and its file, never by what the file holds', async () => {
    const missing = path.join(directory, 'missing');
    expect(message({ MASTER_KEY_FILE: missing })).toBe(
      `MASTER_KEY_FILE names ${missing}, which cannot be read (ENOENT).`,
    );
    expect(message({ MASTER_KEY_FILE: directory })).toContain('which cannot be read (EISDIR).');
    const empty = await kept(' \n');
    expect(message({ MASTER_KEY_FILE: empty })).toBe(`MASTER_KEY_FILE names ${empty}, which is empty.`);
    const long = await kept('-----BEGIN\nhush\n');
    expect(message({ MASTER_KEY_FILE: long })).toBe(`MASTER_KEY_FILE names ${long}, which must hold one line.`);
    const wrong = { MASTER_KEY_FILE: await kept('hush\n') };
    expect(() => readConfig(withSecretFiles(wrong))).toThrow(/^MASTER_KEY must be 32 bytes in base64\.$/);
  });

  it('is what a tool takes it from as well, and both tell so', async () => {
    expect(helpText()).toContain('MASTER_KEY_FILE');
    const missing = path.join(directory, 'no-such-url');
    const env = { PATH: process.env.PATH, DATABASE_URL_FILE: missing };
    const tried = ['migrate', 'verify', 'mobilesync'].map(async (tool) => {
      const ended = promisify(execFile)(process.execPath, [path.join(root, `api/cli/${tool}.ts`), '--help'], { env });
      await expect(ended, tool).rejects.toMatchObject({
        ...{ code: 2, stdout: '' },
        stderr: `DATABASE_URL_FILE names ${missing}, which cannot be read (ENOENT).\n`,
      });
    });
    await Promise.all(tried);
  }, 60_000);
});
