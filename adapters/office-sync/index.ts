/** Office sync put together: crawls in, write-back out. The composition root starts and stops it. */
import { randomUUID } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Subscription } from 'rxjs';
import { idOfStream } from '../../domain/account/stream.ts';
import type { ConflictRule } from '../../domain/conflict/merge.ts';
import { itemKinds } from '../../domain/item/fields.ts';
import { crawlEvents } from '../../domain/office/events.ts';
import type { AccountId, TenantId } from '../../domain/shared/ids.ts';
import { linkEvents } from '../../domain/writeback/events.ts';
import { officeBaseline } from '../../projections/office-baseline/project.ts';
import { OfficeBaselineReader } from '../../projections/office-baseline/read.ts';
import type { AnyDatabase, Projection } from '../../projections/runner/projection.ts';
import type { ProjectionRunner } from '../../projections/runner/runner.ts';
import { writeBackIntents } from '../../projections/writeback/project.ts';
import { type OpenIntent, WriteBackQueue } from '../../projections/writeback/read.ts';
import type { Folders } from '../activesync/deps.ts';
import type { Clock } from '../clock.ts';
import { type Bulletin, noBulletin } from '../cluster/bulletin.port.ts';
import { alwaysMine, type Ownership } from '../cluster/ownership.port.ts';
import type { EventStore } from '../event-log/event-store.port.ts';
import { ItemCommands } from '../items/item-commands.ts';
import type { Logger } from '../log/logger.ts';
import type { OfficeSystem } from '../office/port.ts';
import { Crawl, type Suspension } from './crawl.ts';
import { ItemLocks } from './item-locks.ts';
import type { People } from './people.ts';
import { ownHome } from './places.ts';
import { OfficePoller, type PolledAccount, type PollStatus } from './poller.ts';
import { OfficeSessions } from './sessions.ts';
import { Snapshots } from './snapshots.ts';
import { postgresTimetable } from './timetable.ts';
import { WriteBack } from './write-back.ts';
import { WriteBackLoop } from './write-back-loop.ts';

/** For the event registry. */
export const officeSyncEvents = { ...linkEvents, ...crawlEvents };

/** For the projection runner, with their migrations. */
export function officeSyncProjections(): Projection[] {
  return [officeBaseline(), writeBackIntents()];
}

export interface OfficeSyncOptions {
  readonly store: EventStore;
  readonly db: Kysely<AnyDatabase>;
  readonly runner: ProjectionRunner;
  /** By the `system` of an account's office login. */
  readonly offices: Readonly<Record<string, OfficeSystem>>;
  /** The `Directory` is one. */
  readonly people: People;
  readonly folders: Folders;
  readonly accounts: () => Promise<readonly PolledAccount[]>;
  readonly isActive: (account: PolledAccount) => boolean | Promise<boolean>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly pollIntervalMs: number;
  readonly ruleOf?: (tenant: TenantId, account: AccountId) => ConflictRule;
  readonly random?: () => number;
  readonly nonce?: () => string;
  /** Absent: there is no other node. */
  readonly nodes?: {
    readonly ownership: Pick<Ownership, 'isMine' | 'hold' | 'isAlone' | 'changes'>;
    readonly bulletin: Pick<Bulletin, 'post' | 'heard'>;
  };
}

type Waiting = Pick<OpenIntent, 'item' | 'kind' | 'reason'>;

export interface OfficeStatus {
  readonly poll: PollStatus;
  readonly suspended: readonly Suspension[];
  readonly writeback: {
    readonly open: readonly (Waiting & { readonly attempts: number; readonly nextAt: string })[];
    readonly refused: readonly Waiting[];
  };
}

export interface OfficeSync {
  readonly poller: OfficePoller;
  readonly crawl: Crawl;
  readonly writeBack: WriteBack;
  readonly loop: WriteBackLoop;
  readonly queue: WriteBackQueue;
  /** What support wants to know of an account. @throws OfficeError when it does not tell what the account shares. */
  status(tenant: TenantId, account: AccountId): Promise<OfficeStatus>;
  start(): void;
  stop(): Promise<void>;
}

const settleTimeoutMs = 30_000;
const refusedShown = 100;
const newsMaxAgeMs = 300_000;

export function createOfficeSync(options: OfficeSyncOptions): OfficeSync {
  const { store, db, runner, people, clock, log } = options;
  const { random = Math.random, nonce = randomUUID, ruleOf } = options;
  const { ownership, bulletin } = options.nodes ?? { ownership: alwaysMine, bulletin: noBulletin };
  const tell = (): void => bulletin.post('office', 'asked', '');
  const timetable = postgresTimetable(db);
  const items = new ItemCommands(store);
  const snapshots = new Snapshots(store);
  const sessions = new OfficeSessions(options.offices, people, () => clock.nowMs());
  const queue = new WriteBackQueue(db);
  const baseline = new OfficeBaselineReader(db);
  const locks = new ItemLocks();
  const settled = async (tenant: TenantId): Promise<void> => {
    const head = await store.head(tenant);
    if (!(await runner.waitFor(tenant, head, settleTimeoutMs))) throw new ReadModelsBehind(tenant);
  };
  const crawl = new Crawl({
    ...{ store, items, snapshots, sessions, people, queue, locks, settled, ruleOf, nonce, log },
    folders: options.folders,
    baseline,
    now: () => clock.instant(),
  });
  const writeBack = new WriteBack({
    ...{ queue, items, snapshots, sessions, people, locks, clock, log, ruleOf, random, nonce, ownership },
  });
  const loop = new WriteBackLoop({
    ...{ worker: writeBack, queue, projected: runner.projected, settled, clock, log, ownership, tell },
  });
  const poller = new OfficePoller({
    crawl: {
      run: async (tenant, account, how) => {
        const counts = await crawl.run(tenant, account, how);
        await settled(tenant);
        return counts;
      },
    },
    wasCrawled: ({ tenant, account }) =>
      baseline.hasAny(
        tenant,
        itemKinds.map((kind) => ownHome(account, kind)),
      ),
    ...{ accounts: options.accounts, isActive: options.isActive, clock, log, intervalMs: options.pollIntervalMs },
    ...{ ownership, timetable, tell },
  });
  const subscriptions: Subscription[] = [];
  /** What another node had begun to write is looked at at once: it does not go on with it. */
  const gained = async (tenants: readonly TenantId[]): Promise<void> => {
    await queue
      .free(tenants)
      .catch((error: unknown) => log.error({ err: error }, 'write-backs could not be taken over'));
    loop.wake();
    poller.gained();
  };
  const pollStatus = async (tenant: TenantId, account: AccountId): Promise<PollStatus> => {
    if (ownership.isMine(tenant)) return poller.status(tenant, account);
    const [standing] = await timetable.load([{ tenant, account }]);
    const { lastMs: lastPolledAt, dueMs: nextPollAt, failures = 0, last } = standing ?? {};
    return { lastPolledAt, nextPollAt, failures, last };
  };
  return {
    poller,
    crawl,
    writeBack,
    loop,
    queue,
    async status(tenant, account) {
      const [open, refused] = await Promise.all([
        queue.open(tenant, account),
        queue.refused(tenant, account, refusedShown),
      ]);
      return {
        poll: await pollStatus(tenant, account),
        suspended: await crawl.suspensions(tenant, account),
        writeback: {
          open: open.map(({ item, kind, reason, attempts, next_at }) => ({
            ...{ item, kind, reason, attempts },
            nextAt: new Date(next_at).toISOString(),
          })),
          refused: refused.map(({ item, kind, reason }) => ({ item, kind, reason })),
        },
      };
    },
    start() {
      loop.start();
      poller.start();
      const connected = runner.projected.subscribe(({ tenant, events }) => {
        for (const { type, stream, meta } of events) {
          const account = type === 'OfficeConnected' ? idOfStream(stream, 'account') : undefined;
          // A read model made anew folds old events too.
          if (account && clock.nowMs() - Date.parse(meta.at) < newsMaxAgeMs) poller.activated(tenant, account);
        }
      });
      subscriptions.push(
        connected,
        ownership.changes.subscribe(({ tenants, isMine }) => isMine && void gained(tenants)),
        bulletin.heard.subscribe(({ topic }) => {
          if (topic !== 'office') return;
          loop.wake();
          poller.look();
        }),
      );
    },
    async stop() {
      for (const subscription of subscriptions) subscription.unsubscribe();
      await Promise.all([poller.stop(), loop.stop()]);
    },
  };
}

/** The read models did not come up to the log in time; a crawl on them would compare with what is old. */
export class ReadModelsBehind extends Error {
  override readonly name = 'ReadModelsBehind';
  constructor(tenant: TenantId) {
    super(`The read models of ${tenant} did not come up to the log within ${settleTimeoutMs} ms.`);
  }
}
