/**
 * What was erased, in a file beside the backups, so that none of them brings it back: neither one that was being made
 * meanwhile, nor one that was kept elsewhere. Ids, and by whom and why as the history has it.
 */
import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { type Erased, subjectErased } from '../../domain/erasure/events.ts';
import type { Actor } from '../../domain/shared/event.ts';
import type { Instant, SubjectId, TenantId } from '../../domain/shared/ids.ts';
import { forgetKeys } from './keys-file.ts';

const shape = z.object({
  tenant: z.string(),
  at: z.string(),
  erased: subjectErased,
  /** Whose keys were destroyed. */
  subjects: z.array(z.string()),
  /** Absent in what was written before it was noted. */
  why: z
    .object({
      actor: z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('admin'), name: z.string().optional() }),
        z.object({ kind: z.literal('system') }),
      ]),
      reason: z.string().optional(),
    })
    .optional()
    .catch(undefined),
});

export interface LedgerEntry {
  readonly tenant: TenantId;
  readonly at: Instant;
  readonly erased: Erased;
  readonly subjects: readonly SubjectId[];
  readonly why?: { readonly actor: Actor; readonly reason?: string };
}

const nameOf = (directory: string): string => path.join(directory, 'erased.ndjson');

/** What stands in the ledger of the directory, the oldest first; nothing where there is none. */
export async function readLedger(directory: string): Promise<LedgerEntry[]> {
  const text = await readFile(nameOf(directory), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text.split('\n').flatMap((line) => {
    try {
      const parsed = shape.safeParse(JSON.parse(line));
      return parsed.success ? [parsed.data as unknown as LedgerEntry] : [];
    } catch {
      return [];
    }
  });
}

/** First the ledger, then every backup below the directory: one that is being made looks into the ledger at its end. */
export async function forgetInBackups(directory: string, entry: LedgerEntry): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const handle = await open(nameOf(directory), 'a', 0o600);
  try {
    await handle.write(`${JSON.stringify(entry)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  for (const item of await readdir(directory, { withFileTypes: true })) {
    if (item.isDirectory()) await applyLedger(path.join(directory, item.name), [entry]);
  }
}

/** Takes what the entries name out of one backup; what is no backup is left alone. */
export async function applyLedger(folder: string, entries: readonly LedgerEntry[]): Promise<void> {
  const gone = new Set(entries.flatMap(({ tenant, subjects }) => subjects.map((one) => `${tenant}\n${one}`)));
  if (gone.size === 0) return;
  const at = entries.at(-1)?.at ?? new Date(0).toISOString();
  await forgetKeys(folder, ({ tenant, subject }) => gone.has(`${tenant}\n${subject}`), at).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    },
  );
}
