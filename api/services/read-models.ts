/** The read models as operators see them: how far each is behind the log, and how one is made anew. */
import { PassThrough } from 'node:stream';
import type { Kysely } from 'kysely';
import type { EventStore } from '../../adapters/event-log/event-store.port.ts';
import type { Position, TenantId } from '../../domain/shared/ids.ts';
import { readCheckpoints } from '../../projections/runner/checkpoints.ts';
import type { Comparison, TableComparison } from '../../projections/runner/compare.ts';
import type { AnyDatabase, Projection } from '../../projections/runner/projection.ts';
import { RebuildRefused, rebuild } from '../../projections/runner/rebuild.ts';

/** How rows are compared that are sealed anew each time, or that others than events write too. */
export const comparison: Comparison = {
  item_view: { sealed: ['content'] },
  writeback_intent: { notOfEvents: ['account', 'outcome', 'reason', 'attempts', 'next_at', 'lease_until'] },
};

/** Its rows are claimed by a worker: exchanged under it, an effect could happen twice. */
export const needsStoppedServer: ReadonlySet<string> = new Set(['writeback']);

export interface ReadModelsOptions {
  readonly db: Kysely<AnyDatabase>;
  readonly store: Pick<EventStore, 'readAll' | 'head' | 'tenants'>;
  readonly projections: readonly Projection[];
}

export interface Standing {
  readonly projection: string;
  readonly version: number;
  readonly tenant: TenantId;
  readonly position: Position;
  readonly head: Position;
}

/** What a rebuild says of itself, a line at a time; the last of a projection has `events` and `isSwapped`. */
export type RebuildLine =
  | { readonly projection: string; readonly tenant: TenantId; readonly folded: number; readonly perSecond: number }
  | {
      readonly projection: string;
      readonly events: number;
      readonly isSwapped: boolean;
      readonly tables: readonly TableComparison[];
    }
  | { readonly projection: string; readonly refused: string };

const progressEveryMs = 1_000;

export class ReadModels {
  readonly #options: ReadModelsOptions;

  constructor(options: ReadModelsOptions) {
    this.#options = options;
  }

  get names(): readonly string[] {
    return this.#options.projections.map(({ name }) => name);
  }

  /** Where each stands, tenant by tenant. */
  async standing(): Promise<Standing[]> {
    const { db, store, projections } = this.#options;
    const all: Standing[] = [];
    for (const { tenant, head } of await store.tenants()) {
      const positions = await readCheckpoints(db, tenant, projections);
      for (const { name, version } of projections) {
        all.push({ projection: name, version, tenant, position: positions.get(name) as Position, head });
      }
    }
    return all;
  }

  /** Makes the named ones anew, one after the other, and tells how it goes. Goes on when nobody listens any more. */
  rebuild(names: readonly string[], isDryRun: boolean): AsyncIterable<RebuildLine> {
    const told = new PassThrough({ objectMode: true });
    void this.#rebuild(names, isDryRun, (line) => told.writable && told.write(line)).then(
      () => told.end(),
      (error: Error) => told.destroy(error),
    );
    return told;
  }

  async #rebuild(names: readonly string[], isDryRun: boolean, tell: (line: RebuildLine) => void): Promise<void> {
    const { db, store, projections } = this.#options;
    for (const projection of projections.filter(({ name }) => names.includes(name))) {
      let toldMs = performance.now();
      try {
        const { events, isSwapped, tables } = await rebuild({
          ...{ db, store, projection, comparison, isDryRun },
          onProgress: ({ tenant, events: folded, perSecond }) => {
            if (performance.now() - toldMs < progressEveryMs) return;
            toldMs = performance.now();
            tell({ projection: projection.name, tenant, folded, perSecond });
          },
        });
        tell({ projection: projection.name, events, isSwapped, tables });
      } catch (error) {
        if (!(error instanceof RebuildRefused)) throw error;
        tell({ projection: projection.name, refused: error.message });
      }
    }
  }
}
