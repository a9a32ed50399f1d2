/**
 * Read models that an older program wrote: made anew beside the live ones and exchanged, before anyone reads them by
 * the new program's rules.
 */
import { type Kysely, sql } from 'kysely';
import type { AnyDatabase, Projection } from './projection.ts';
import { type RebuildOptions, type RebuildReport, rebuild } from './rebuild.ts';

export interface OutdatedOptions extends Pick<RebuildOptions, 'db' | 'store' | 'comparison'> {
  readonly projections: readonly Projection[];
  readonly onBegin?: (projection: string, fromVersion: number, toVersion: number) => void;
  readonly onProgress?: (projection: string, events: number, perSecond: number) => void;
  readonly onEnd?: (projection: string, report: RebuildReport) => void;
}

/** Answers with the names of those that were made anew; none on a database that is up to date. @throws RebuildRefused */
export async function rebuildOutdated(options: OutdatedOptions): Promise<string[]> {
  const { db, projections, onBegin, onProgress, onEnd, ...rest } = options;
  const stored = await storedVersions(db);
  const outdated = projections.filter(({ name, version }) => (stored.get(name) ?? version) < version);
  for (const projection of outdated) {
    const { name, version } = projection;
    onBegin?.(name, stored.get(name) as number, version);
    const report = await rebuild({
      ...{ ...rest, db, projection },
      onProgress: ({ events, perSecond }) => onProgress?.(name, events, perSecond),
    });
    onEnd?.(name, report);
  }
  return outdated.map(({ name }) => name);
}

/** The oldest version that a tenant's rows are of. */
async function storedVersions(db: Kysely<AnyDatabase>): Promise<Map<string, number>> {
  const { rows } = await sql<{ projection: string; version: number }>`
    select projection, min(version) as version from projection_checkpoint group by projection
  `.execute(db);
  return new Map(rows.map(({ projection, version }) => [projection, version]));
}
