/**
 * The office put together: the 24SevenOffice adapter, against the simulator in the demo, and the workers that crawl it
 * and write back to it.
 */
import type { Kysely } from 'kysely';
import type { Folders } from '../adapters/activesync/deps.ts';
import type { Clock } from '../adapters/clock.ts';
import type { Bulletin } from '../adapters/cluster/bulletin.port.ts';
import type { Ownership } from '../adapters/cluster/ownership.port.ts';
import type { EventStore } from '../adapters/event-log/event-store.port.ts';
import type { Logger } from '../adapters/log/logger.ts';
import { OfficeError } from '../adapters/office/errors.ts';
import type { OfficeSystem } from '../adapters/office/port.ts';
import { create24SevenOffice } from '../adapters/office-24sevenoffice/office.ts';
import { urlsUnder, vendorUrls } from '../adapters/office-24sevenoffice/services.ts';
import { createOfficeSync, type OfficeSync } from '../adapters/office-sync/index.ts';
import type { AccountId } from '../domain/shared/ids.ts';
import type { AccountsReader } from '../projections/accounts/read.ts';
import type { DevicesReader } from '../projections/devices/read.ts';
import type { AnyDatabase } from '../projections/runner/projection.ts';
import type { ProjectionRunner } from '../projections/runner/runner.ts';
import type { OfficeAdministration } from './deps.ts';
import { unavailable } from './errors.ts';
import type { Directory } from './services/directory.ts';

export interface OfficeOptions {
  readonly store: EventStore;
  readonly ownership: Ownership;
  readonly bulletin: Bulletin;
  readonly db: Kysely<AnyDatabase>;
  readonly runner: ProjectionRunner;
  readonly directory: Directory;
  readonly folders: Folders;
  readonly accounts: AccountsReader;
  readonly devices: DevicesReader;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pollIntervalMs: number;
  /** Where a simulated office is; undefined: the vendor's own hosts. */
  readonly simulatorUrl: string | undefined;
  /** GUID that the vendor gives an integration; the simulator takes any. */
  readonly applicationId: string;
}

export interface Office extends OfficeAdministration {
  readonly sync: OfficeSync;
  /** Crawls these people's data before the server says that it is ready. */
  pollFirst(emails: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

const writebackTimeoutMs = 30_000;
const firstPollTimeoutMs = 15_000;

export function startOffice(options: OfficeOptions): Office {
  const { store, db, runner, directory, folders, accounts, devices, clock, logger, simulatorUrl } = options;
  const office = create24SevenOffice({
    urls: simulatorUrl === undefined ? vendorUrls : urlsUnder(simulatorUrl),
    applicationId: options.applicationId,
    nowMs: clock.nowMs,
    assumedInterface: simulatorUrl !== undefined,
  });
  const offices: Record<string, OfficeSystem> = { '24sevenoffice': office };
  const sync = createOfficeSync({
    ...{ store, db, runner, offices, folders, clock },
    people: directory,
    log: logger,
    accounts: () => accounts.withOffice(),
    isActive: async ({ account }) => (await devices.of(account)).length > 0,
    pollIntervalMs: options.pollIntervalMs,
    nodes: { ownership: options.ownership, bulletin: options.bulletin },
  });
  const connected = runner.projected.subscribe(({ tenant, events }) => {
    for (const { type, stream } of events) {
      if (type === 'OfficeConnected') sync.poller.activated(tenant, stream.slice('account-'.length) as AccountId);
    }
  });
  sync.start();
  return {
    sync,
    async pollFirst(emails) {
      for (const email of emails) {
        const person = await directory.byEmail(email);
        if (!person?.account.office) continue;
        const result = await sync.poller.pollNow(person.tenant, person.account.id, firstPollTimeoutMs);
        if (result.kind !== 'done') logger.warn({ result }, 'the first crawl of a demo person is not done');
      }
    },
    async poll({ tenant, account }) {
      const result = await sync.poller.pollNow(tenant, account.id);
      if (result.kind === 'done') return { done: true, ...result.counts };
      return { done: false, ...result };
    },
    async writeback({ tenant, account }) {
      return { ...(await sync.loop.flush(tenant, account.id, writebackTimeoutMs)) };
    },
    async status({ tenant, account }) {
      const status = await reachable(sync.status(tenant, account.id));
      const { lastPolledAt, nextPollAt, failures, last } = status.poll;
      return {
        poll: {
          lastPolledAt: instantOf(lastPolledAt),
          nextPollAt: instantOf(nextPollAt),
          failures,
          last: last ?? null,
        },
        suspended: status.suspended,
        writeback: status.writeback,
      };
    },
    async confirmShrink({ tenant, account }, actor) {
      return { confirmed: await reachable(sync.crawl.confirmShrink(tenant, account.id, actor)) };
    },
    async stop() {
      connected.unsubscribe();
      await sync.stop();
      await office.close();
    },
  };
}

const instantOf = (atMs: number | undefined): string | null =>
  atMs === undefined ? null : new Date(atMs).toISOString();

/** @throws an error of status 503 where the office does not serve. */
async function reachable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof OfficeError) throw unavailable(`The office does not serve this account (${error.code}).`);
    throw error;
  }
}
