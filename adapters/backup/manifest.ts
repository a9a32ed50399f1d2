/** What a backup says of itself. It is written last: a folder without it is no backup. */
import { open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

const table = z.object({
  name: z.string().regex(/^[a-z_]+$/),
  columns: z.array(z.string().regex(/^[a-z_]+$/)).min(1),
  file: z.string().regex(/^[a-z_]+\.copy\.zst$/),
  rows: z.number().int().min(0),
  /** Of the file as it lies there. */
  bytes: z.number().int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const shape = z.object({
  format: z.literal(1),
  /** Begin of the snapshot, by the clock of who made it. */
  at: z.string(),
  /** Of the server that was asked; files are in its binary format, which every later one reads. */
  postgres: z.string(),
  /** Names of the steps of the schema. */
  migrations: z.array(z.string()),
  tables: z.array(table),
  /** Rows of the file of data keys, which has a checksum of its own: `erase` changes it. */
  keys: z.number().int().min(0),
  tenants: z.array(z.object({ tenant: z.string(), position: z.number().int().min(0) })),
});
export type Manifest = z.infer<typeof shape>;
export type BackedUpTable = Manifest['tables'][number];

/** The folder holds no whole backup, or one of another format; the message is the sentence for the operator. */
export class NoBackup extends Error {
  override readonly name = 'NoBackup';
}

const file = (folder: string): string => path.join(folder, 'manifest.json');

/** Written last: a folder without it is no finished backup. */
export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  await writeDurably(file(folder), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

/** @throws NoBackup */
export async function readManifest(folder: string): Promise<Manifest> {
  const text = await readFile(file(folder), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR')
      throw new NoBackup(`${folder} holds no finished backup: it has no manifest.json.`);
    throw error;
  });
  let parsed: ReturnType<typeof shape.safeParse> | undefined;
  try {
    parsed = shape.safeParse(JSON.parse(text));
  } catch {
    parsed = undefined;
  }
  if (!parsed?.success) throw new NoBackup(`${file(folder)} is not one that this version of MobileSync understands.`);
  return parsed.data;
}

/** The whole new content or the old one, also after a power cut. */
async function writeDurably(name: string, text: string): Promise<void> {
  const draft = `${name}.${process.pid}.draft`;
  const handle = await open(draft, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, name);
}
