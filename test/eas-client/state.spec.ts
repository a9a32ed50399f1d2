import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newItem } from './fields.ts';
import { formatState, newState, type PhoneState, parseState, readState, UnreadableState, writeState } from './state.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-phone-'));
});
afterEach(() => rm(directory, { recursive: true }));

function used(): PhoneState {
  const state = newState({ url: 'http://127.0.0.1:1', user: 'kari@demo.example', deviceId: 'D1', version: 161 });
  const data = newItem('contact', ['last=Bråthen', 'body=a < b\n& c'], {
    version: 161,
    zone: 'UTC',
    nowMs: 0,
    uid: 'u',
  });
  state.folders.set('f1', { id: 'f1', parent: '0', name: 'Kontakter', type: 9 });
  state.collections.set('f1', {
    key: '17',
    items: new Map([['i1', data]]),
    pending: [
      { do: 'add', clientId: 'D1-1', data },
      { do: 'delete', serverId: 'i1' },
    ],
  });
  return Object.assign(state, { policyKey: '42', folderKey: '3', clientIds: 1 });
}

describe('the file a phone keeps itself in', () => {
  it('gives back keys, items and what was not answered', async () => {
    const file = path.join(directory, 'deep', 'phone.json');
    await writeState(file, used());
    const read = (await readState(file))!;
    expect(formatState(read)).toBe(formatState(used()));
    expect(read).toMatchObject({ policyKey: '42', folderKey: '3', clientIds: 1, version: 161 });
    expect(read.collections.get('f1')).toMatchObject({ key: '17', pending: [{ do: 'add' }, { do: 'delete' }] });
  });

  it('belongs to its owner alone, and nothing is left beside it', async () => {
    const file = path.join(directory, 'phone.json');
    await writeState(file, used());
    expect((await stat(file)).mode & 0o077).toBe(0);
    expect(await readdir(directory)).toEqual(['phone.json']);
  });

  it('is absent for a new phone', async () => {
    expect(await readState(path.join(directory, 'none.json'))).toBeUndefined();
  });

  it.for(['', '{}', 'null', formatState(used()).replace('16.1', '9.9'), formatState(used()).replaceAll('<', '«')])(
    'is refused when it is not one, rather than half read (%#)',
    async (text) => {
      const file = path.join(directory, 'phone.json');
      await writeFile(file, text);
      await expect(readState(file)).rejects.toThrow(UnreadableState);
      expect(() => parseState(text)).toThrow(UnreadableState);
    },
  );
});
