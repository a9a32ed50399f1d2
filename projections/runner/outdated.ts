/**
 * Read models that an older program wrote: made anew beside the live ones and exchanged, before anyone reads them by
 * the new program's rules.
 */
import { type Kysely, sql } from 'kysely';
import type { AnyDatabase, Projection } from './projection.ts';
import { RebuildBusy, type RebuildOptions, type RebuildReport, rebuild } from './rebuild.ts';

export interface OutdatedOptions extends Pick<RebuildOptions, 'db' | 'store' | 'comparison'> {
  readonly projections: readonly Projection[];
  readonly onBegin?: (projection: string, fromVersion: number, toVersion: number) => void;
  readonly onProgress?: (projection: string, events: number, perSecond: number) => void;
  readonly onEnd?: (projection: string, report: RebuildReport) => void;
}

const busyPauseMs = 250;

/**
 * Answers with the names of those that were made anew by this call; none on a database that is up to date. Of several
 * nodes that start together one makes each anew, and the others wait for it. @throws RebuildRefused
 */
export async function rebuildOutdated(options: OutdatedOptions): Promise<string[]> {
  const { db, projections, onBegin, onProgress, onEnd, ...rest } = options;
  const made: string[] = [];
  for (;;) {
    const stored = await storedVersions(db);
    const projection = projections.find(({ name, version }) => (stored.get(name) ?? version) < version);
    if (!projection) return made;
    const { name, version } = projection;
    try {
      const report = await rebuild({
        ...{ ...rest, db, projection },
        onBegin: async () => {
          // Whoever had it before may have finished between the look and the lock.
          if (((await storedVersions(db)).get(name) ?? version) >= version) throw new RebuildBusy(`${name} is made.`);
          onBegin?.(name, stored.get(name) as number, version);
        },
        onProgress: ({ events, perSecond }) => onProgress?.(name, events, perSecond),
      });
      onEnd?.(name, report);
      made.push(name);
    } catch (error) {
      if (!(error instanceof RebuildBusy)) throw error;
      await new Promise((resolve) => setTimeout(resolve, busyPauseMs));
    }
  }
}

/** The oldest version that a tenant's rows are of. */
async function storedVersions(db: Kysely<AnyDatabase>): Promise<Map<string, number>> {
  const { rows } = await sql<{ projection: string; version: number }>`
    select projection, min(version) as version from projection_checkpoint group by projection
  `.execute(db);
  return new Map(rows.map(({ projection, version }) => [projection, version]));
}
