/**
 * What auditors and support ask for, put together: part of the composition root. Each member is one noun of the
 * administration; the routes in `admin/` and the commands of `mobilesync` know no more than these.
 */
import { randomUUID } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { RequestGuard } from '../adapters/activesync/guard/request-guard.ts';
import { forgetInBackups } from '../adapters/backup/ledger.ts';
import type { BlobStore } from '../adapters/blobs/port.ts';
import type { NodeList } from '../adapters/cluster/nodes.port.ts';
import type { KeyRing } from '../adapters/crypto.port.ts';
import { Erasure } from '../adapters/erasure/erasure.ts';
import { Traces } from '../adapters/erasure/postgres/traces.ts';
import type { AnchorSeal } from '../adapters/event-log/anchors/anchor.ts';
import type { Anchors } from '../adapters/event-log/anchors/anchors.ts';
import type { AnchorPlace } from '../adapters/event-log/anchors/port.ts';
import type { LogCensus } from '../adapters/event-log/census.ts';
import type { EventStore } from '../adapters/event-log/event-store.port.ts';
import type { EventLog } from '../adapters/event-log/port.ts';
import type { ExchangeRecorder } from '../adapters/exchange-record/recorder.ts';
import type { ExchangeStore } from '../adapters/exchange-record/store.port.ts';
import { type ExportedPerson, type ExportLine, exportPerson } from '../adapters/export/person-export.ts';
import { ItemFinder } from '../adapters/history/find.ts';
import { ItemHistories, type KeysAbove } from '../adapters/history/item-history.ts';
import { commandIdFrom } from '../adapters/ids.ts';
import type { ItemBodies } from '../adapters/items/bodies.ts';
import type { Logger } from '../adapters/log/logger.ts';
import { PastStates } from '../adapters/past/states.ts';
import type { Pool } from '../adapters/postgres/pool.ts';
import { Replays } from '../adapters/replay/replays.ts';
import { WhereaboutsFinder } from '../adapters/whereabouts/whereabouts.ts';
import type { Instant, TenantId } from '../domain/shared/ids.ts';
import type { MassDeleteLimits } from '../domain/sync/held-back.ts';
import { ConflictsReader } from '../projections/conflicts/read.ts';
import { DevicesReader } from '../projections/devices/read.ts';
import { HeldBatchReader } from '../projections/held-batches/read.ts';
import { ItemLogReader } from '../projections/item-log/read.ts';
import { PastRowsReader } from '../projections/item-view/past.ts';
import { OfficeBaselineReader } from '../projections/office-baseline/read.ts';
import type { AnyDatabase } from '../projections/runner/projection.ts';
import type { ProjectionRunner } from '../projections/runner/runner.ts';
import { WriteBackQueue } from '../projections/writeback/read.ts';
import { allProjections } from './catalogue.ts';
import { type Engine, itemFacts } from './engine.ts';
import { createSandbox, type SandboxSources } from './sandbox.ts';
import type { Accounts } from './services/accounts.ts';
import { Conflicts } from './services/conflicts.ts';
import { Conversations } from './services/conversations.ts';
import type { Devices } from './services/devices.ts';
import type { Directory } from './services/directory.ts';
import { Duplicates } from './services/duplicates.ts';
import { accountEnder, Erasures } from './services/erasures.ts';
import { Exchanges } from './services/exchanges.ts';
import { Failures } from './services/failures.ts';
import { FirstSyncs } from './services/first-syncs.ts';
import { HeldBatches } from './services/held-batches.ts';
import { LogProof } from './services/log-proof.ts';
import { Merges } from './services/merges.ts';
import { Names } from './services/names.ts';
import { Past } from './services/past.ts';
import { PutRight } from './services/put-right.ts';
import { ReadModels } from './services/read-models.ts';
import { ReplayService } from './services/replays.ts';
import { Restoring } from './services/restoring.ts';
import { Searches } from './services/searches.ts';
import { Watches } from './services/watches.ts';
import { WhereaboutsService } from './services/whereabouts.ts';

export interface SupportOptions {
  readonly pool: Pool;
  readonly db: Kysely<AnyDatabase>;
  readonly log: EventLog;
  readonly census: LogCensus;
  readonly store: EventStore;
  readonly keys: KeyRing;
  readonly bodies: ItemBodies;
  /** As events are stored, with long bodies named, and where those lie. */
  readonly stored: EventStore;
  readonly blobs: BlobStore;
  readonly runner: ProjectionRunner;
  readonly engine: Engine;
  readonly syncKeySecret: Uint8Array;
  readonly massDeletes: MassDeleteLimits;
  /** Absent: nobody is braked. */
  readonly guard?: RequestGuard;
  /** Absent where there cannot be other nodes. */
  readonly nodes?: NodeList;
  readonly accounts: Accounts;
  readonly devices: Devices;
  readonly directory: Directory;
  readonly settled: (tenant: TenantId) => Promise<void>;
  readonly now: () => Instant;
  readonly logger: Logger;
  readonly exchanges: ExchangeStore;
  readonly recorder: ExchangeRecorder;
  /** What is erased is taken out of the backups below it. */
  readonly backupDir: string;
  /** Absent where the log is not kept. */
  readonly anchoring?: {
    readonly anchors: Anchors;
    readonly places: readonly AnchorPlace[];
    readonly seal: AnchorSeal;
  };
}

export interface Support {
  readonly exchanges: Exchanges;
  readonly failures: Failures;
  readonly watches: Watches;
  readonly replays: ReplayService;
  readonly whereabouts: WhereaboutsService;
  readonly guard?: RequestGuard;
  readonly nodes?: NodeList;
  readonly heldBatches: HeldBatches;
  readonly histories: ItemHistories;
  readonly searches: Searches;
  readonly past: Past;
  readonly readModels: ReadModels;
  readonly restoring: Restoring;
  readonly conflicts: Conflicts;
  readonly conversations: Conversations;
  readonly names: Names;
  readonly duplicates: Duplicates;
  readonly merges: Merges;
  readonly firstSyncs: FirstSyncs;
  readonly proof?: LogProof;
  readonly erasures?: Erasures;
  /** Everything known of a person, a line each. */
  readonly personExport?: (person: ExportedPerson) => AsyncIterable<ExportLine>;
}

export function buildSupport(options: SupportOptions): Support {
  const { pool, db, log, census, store, keys, engine, directory, settled, now, anchoring } = options;
  const itemLog = new ItemLogReader(db);
  const putRight = new PutRight({ store, items: engine.items, folders: engine.deps.folders.of, now });
  const states = new PastStates({
    ...{ store, now, facts: itemFacts, rows: new PastRowsReader(db) },
    ...{ itemView: engine.itemView, syncView: engine.syncView, open: engine.deps.open },
  });
  const { recorder, devices, exchanges: recorded } = options;
  const names = new Names(directory);
  const exchanges = new Exchanges({ store: recorded, recorder, names });
  return {
    exchanges,
    failures: new Failures({
      ...{ store: recorded, recorder, names, events: store },
      refusals: new WriteBackQueue(db),
    }),
    whereabouts: whereaboutsOf(options),
    replays: new ReplayService(replaysOf(options), names),
    watches: new Watches({ recorder, devices, directory, reader: new DevicesReader(db), now }),
    ...(options.guard ? { guard: options.guard } : {}),
    ...(options.nodes ? { nodes: options.nodes } : {}),
    heldBatches: new HeldBatches({
      deps: engine.deps,
      people: options.directory,
      settled,
      store,
      reader: new HeldBatchReader(db),
    }),
    histories: new ItemHistories(store, itemLog, anchoring && ((...of) => new Traces(pool).subjectsAbove(...of))),
    searches: new Searches(new ItemFinder(store, itemLog), directory),
    past: new Past({ states, store, directory, settled }),
    readModels: new ReadModels({ db, store, projections: allProjections(keys) }),
    restoring: new Restoring({ putRight, log: itemLog, settled, now }),
    conversations: new Conversations({ deps: engine.deps, view: engine.syncView, store }),
    conflicts: new Conflicts({ reader: new ConflictsReader(db), log: itemLog, putRight, settled }),
    names,
    duplicates: new Duplicates({ deps: engine.deps, baseline: new OfficeBaselineReader(db), settled }),
    merges: new Merges({ items: engine.items, putRight, log: itemLog, settled, now }),
    firstSyncs: new FirstSyncs({
      ...{ view: engine.syncView, folders: engine.deps.folders },
      ...{ store, log: itemLog, settled },
    }),
    ...(anchoring
      ? {
          proof: new LogProof({ log, keys, ...anchoring, census }),
          erasures: buildErasures(options, itemLog),
          personExport: (person) =>
            exportPerson(
              { store, itemLog, traces: new Traces(pool), census, exchanges: options.exchanges, now },
              person,
            ),
        }
      : {}),
  };
}

function buildErasures(options: SupportOptions, itemLog: ItemLogReader): Erasures {
  const { pool, census, stored, keys, blobs, engine, directory, recorder, now } = options;
  const settled = async (tenant: TenantId) => {
    await options.settled(tenant);
    await recorder.flush();
  };
  const erasure = new Erasure({
    ...{ store: stored, keys, blobs, items: engine.items, folders: engine.deps.folders, settled, now },
    traces: new Traces(pool),
    census,
    endAccount: accountEnder({ store: stored, directory, settled, now }),
    forgetElsewhere: (gone) => forgetInBackups(options.backupDir, gone),
    commandId: commandIdFrom,
    nonce: randomUUID,
  });
  return new Erasures({ erasure, store: stored, itemLog });
}

/** Its commits go to the items there are; everything else of it only reads. */
function replaysOf(options: SupportOptions): Replays {
  const { db, stored, keys, blobs, engine, recorder, exchanges, syncKeySecret, massDeletes, now } = options;
  const sandboxed: SandboxSources = {
    ...{ stored, keys, blobs, syncKeySecret, massDeletes },
    ...{ itemView: engine.itemView, syncView: engine.syncView },
    rows: new PastRowsReader(db),
    devices: new DevicesReader(db),
    itemLog: new ItemLogReader(db),
  };
  const written = async () => {
    await recorder.flush();
    return exchanges;
  };
  return new Replays({
    record: {
      find: async (id) => (await written()).find(id),
      list: async (query) => (await written()).list(query),
      body: (exchange) => exchanges.body(exchange),
    },
    sandbox: () => createSandbox(sandboxed),
    stored,
    commit: { items: engine.items, view: engine.itemView, open: engine.deps.open, now },
  });
}

function whereaboutsOf(options: SupportOptions): WhereaboutsService {
  const { pool, store, engine, exchanges, directory, recorder, settled, anchoring } = options;
  const keysAbove = anchoring && ((...of: Parameters<KeysAbove>) => new Traces(pool).subjectsAbove(...of));
  const finder = new WhereaboutsFinder({
    ...{ store, record: exchanges, syncView: engine.syncView, deps: engine.deps },
    ...(keysAbove ? { keysAbove } : {}),
  });
  return new WhereaboutsService({ finder, directory, recorder, settled });
}
