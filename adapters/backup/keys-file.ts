/**
 * The data keys of a backup, in a file of their own: what is erased later is taken out of it, and then this backup
 * cannot bring it back either. A line of JSON each; the last line counts and proves the others.
 */
import { createHash } from 'node:crypto';
import { open, rename } from 'node:fs/promises';
import path from 'node:path';
import { NoBackup } from './manifest.ts';

export interface KeptKey {
  readonly tenant: string;
  readonly subject: string;
  readonly owner: string;
  /** In base64, wrapped by the owner's key or the master key; null when it was destroyed. */
  readonly wrapped: string | null;
  readonly createdAt: string;
  readonly destroyedAt: string | null;
}

const nameOf = (folder: string): string => path.join(folder, 'keys.ndjson');
const linesTogether = 1_000;

/** Writes all keys, in place of what is there. Answers with how many. */
export async function writeKeys(folder: string, keys: AsyncIterable<KeptKey>): Promise<number> {
  const draft = `${nameOf(folder)}.${process.pid}.draft`;
  const handle = await open(draft, 'w', 0o600);
  const hash = createHash('sha256');
  let rows = 0;
  let lines: string[] = [];
  const flush = async (): Promise<void> => {
    const text = lines.join('');
    hash.update(text);
    await handle.writeFile(text);
    lines = [];
  };
  try {
    for await (const key of keys) {
      rows++;
      lines.push(`${JSON.stringify(key)}\n`);
      if (lines.length >= linesTogether) await flush();
    }
    await flush();
    await handle.writeFile(`${JSON.stringify({ rows, sha256: hash.digest('hex') })}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, nameOf(folder));
  return rows;
}

/** @throws NoBackup after the last key when the file is not as it was written; ENOENT when there is none. */
export async function* readKeys(folder: string): AsyncGenerator<KeptKey> {
  const broken = () => new NoBackup(`${nameOf(folder)} is damaged or not whole.`);
  const hash = createHash('sha256');
  let rows = 0;
  let isProven = false;
  const handle = await open(nameOf(folder));
  try {
    for await (const line of handle.readLines()) {
      const parsed = parse(line);
      if (!parsed || isProven) throw broken();
      if ('sha256' in parsed) {
        if (parsed.rows !== rows || parsed.sha256 !== hash.digest('hex')) throw broken();
        isProven = true;
        continue;
      }
      hash.update(`${line}\n`);
      rows++;
      yield parsed;
    }
  } finally {
    await handle.close();
  }
  if (!isProven) throw broken();
}

/** Takes keys out of a backup for good. Answers with how many were in it. */
export async function forgetKeys(folder: string, isForgotten: (key: KeptKey) => boolean, at: string): Promise<number> {
  let forgotten = 0;
  let isLacking = false;
  for await (const key of readKeys(folder)) if (key.wrapped !== null && isForgotten(key)) isLacking = true;
  if (!isLacking) return 0;
  async function* left(): AsyncGenerator<KeptKey> {
    for await (const key of readKeys(folder)) {
      const goes = key.wrapped !== null && isForgotten(key);
      if (goes) forgotten++;
      yield goes ? { ...key, wrapped: null, destroyedAt: at } : key;
    }
  }
  await writeKeys(folder, left());
  return forgotten;
}

function parse(line: string): KeptKey | { readonly rows: number; readonly sha256: string } | undefined {
  try {
    const parsed = JSON.parse(line);
    const isKey = typeof parsed.tenant === 'string' && typeof parsed.subject === 'string';
    return isKey || typeof parsed.sha256 === 'string' ? parsed : undefined;
  } catch {
    return undefined;
  }
}
