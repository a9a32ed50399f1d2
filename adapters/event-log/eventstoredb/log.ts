/**
 * The event log in EventStoreDB. A tenant's stream is the truth and the order: the revision there plus one is our
 * position, and one append is one append there, all or nothing. The streams of items are links beside it, written
 * behind the appends; see `names.ts` for what lies where and `tenant-log.ts` for how both are read as one.
 */
import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import type { Position, StreamName, TenantId } from '../../../domain/shared/ids.ts';
import { checkWrites } from '../check.ts';
import type { AppendOutcome, Commit, EventLog, StoredEvent, StreamWrite } from '../port.ts';
import type { StoreAddress } from './address.ts';
import { Announcer } from './announcer.ts';
import { Asides } from './asides.ts';
import { defaultMaxAppendBytes, partsOf } from './batch.ts';
import { Connection } from './connection.ts';
import { IndexDamaged } from './failure.ts';
import { Following } from './following.ts';
import { linkLimit } from './linker.ts';
import { logNames } from './names.ts';
import { TenantLog } from './tenant-log.ts';
import { ForeignEvent, fromWire } from './wire.ts';

export interface EventStoreLogOptions {
  readonly address: StoreAddress;
  /** Of the names of streams, so that several logs can lie in one store: `mobilesync`. */
  readonly prefix?: string;
  /** The server's MaxAppendSize, or less; its default is 1 MiB. */
  readonly maxAppendBytes?: number;
  /** How long a call waits for a store that does not answer, in milliseconds. */
  readonly patienceMs?: number;
  /** The same for the opening. */
  readonly openPatienceMs?: number;
  /** How long other nodes are given to link what they stored, in milliseconds. */
  readonly graceMs?: number;
  /** Whether commits of other nodes are told; a tool that ends soon needs none. */
  readonly isFollowing?: boolean;
  /** Something behind the calls goes wrong and is tried again. */
  readonly onError?: (error: unknown, tenant?: TenantId) => void;
}

/** Tenants that are kept open though nothing goes on there. */
const maxOpen = 2_000;
const readsTogether = 16;
const tenantsPerRead = 1_000;

/** @throws EventStoreUnavailable, EventStoreRefused when the store cannot be used. */
export async function eventStoreLog(options: EventStoreLogOptions): Promise<EventLog> {
  const { address, prefix, maxAppendBytes = defaultMaxAppendBytes, patienceMs = 20_000, graceMs = 2_000 } = options;
  const { openPatienceMs = 5_000, isFollowing = true, onError = () => {} } = options;
  const names = logNames(prefix);
  const connection = new Connection({ address, patienceMs, connectionName: 'mobilesync' });
  const announcer = new Announcer();
  const shared = { connection, names, announcer, maxAppendBytes, graceMs, onError };
  const ends = new LRUCache<string, number>({ max: 200_000 });
  const limit = linkLimit();
  const together = pLimit(readsTogether);
  const tenants = new Map<TenantId, TenantLog>();
  let isClosed = false;

  function logOf(tenant: TenantId): TenantLog {
    const log = tenants.get(tenant) ?? new TenantLog({ ...shared, tenant, ends, linkLimit: limit });
    // The one that was asked for last stands last.
    tenants.delete(tenant);
    tenants.set(tenant, log);
    if (tenants.size > maxOpen) {
      for (const [name, other] of tenants) {
        if (!other.isIdle || other === log) continue;
        tenants.delete(name);
        void other.close();
        break;
      }
    }
    return log;
  }

  const following = new Following({
    connection,
    prefix: names.tenantPrefix,
    onRecord: async (record) => {
      const tenant = names.tenantOf(record.streamId);
      if (tenant === undefined) return;
      try {
        const read = fromWire(tenant, record);
        const open = tenants.get(tenant);
        if (open) await open.heard(read);
        else announcer.tell(tenant, await new Asides({ ...shared, tenant }).fill([read]));
      } catch (error) {
        // It would be in the way of all tenants' commits, again and again.
        if (!(error instanceof ForeignEvent || error instanceof IndexDamaged)) throw error;
        onError(error, tenant);
      }
    },
    onBreak: onError,
  });

  async function append(tenant: TenantId, writes: readonly StreamWrite[]): Promise<AppendOutcome> {
    const parts = partsOf(writes, maxAppendBytes);
    const commits: Commit[] = [];
    let before = 0;
    for (const part of parts) {
      const outcome = await logOf(tenant).append(part);
      if (outcome.kind === 'conflict') return { ...outcome, index: before + outcome.index, commits };
      commits.push(...outcome.commits);
      before += part.length;
    }
    return { kind: 'appended', commits };
  }

  async function headOf(tenant: TenantId): Promise<Position> {
    return ((await connection.lastRevision(names.tenant(tenant))) + 1) as Position;
  }

  async function listTenants(): Promise<TenantId[]> {
    const listed = new Set<TenantId>();
    for (let from = 0; ; from += tenantsPerRead) {
      const page = await connection.read(names.tenants, { from, count: tenantsPerRead });
      for (const { event } of page) listed.add(Buffer.from(event!.data as Uint8Array).toString() as TenantId);
      if (page.length < tenantsPerRead) return [...listed].sort();
    }
  }

  try {
    if (isFollowing) await following.start(openPatienceMs);
    else await connection.end(openPatienceMs);
  } catch (error) {
    await connection.close();
    throw error;
  }

  return {
    async append(tenant, writes) {
      checkWrites(writes);
      if (isClosed) throw new Error('the event log is closed');
      return append(tenant, writes);
    },
    readStream: (tenant, stream, { from = 0, limit } = {}) => logOf(tenant).readStream(stream, from, limit),
    async readStreams(tenant, streams) {
      const log = logOf(tenant);
      const found = await together.map([...new Set(streams)], async (stream) => {
        return [stream, await log.readStream(stream, 0)] as const;
      });
      return new Map<StreamName, StoredEvent[]>(found.filter(([, events]) => events.length > 0));
    },
    readAll: (tenant, after, limit) => logOf(tenant).readAll(after, limit),
    head: (tenant) => logOf(tenant).head(),
    async tenants() {
      const heads = await together.map(await listTenants(), async (tenant) => ({ tenant, head: await headOf(tenant) }));
      return heads.filter(({ head }) => head > 0);
    },
    commits: announcer.notices,
    ...(isFollowing ? { heard: (tenant) => logOf(tenant).heardAll() } : {}),
    async close() {
      isClosed = true;
      await Promise.all([...tenants.values()].map((log) => log.close()));
      await Promise.all([following.close(), connection.close()]);
      announcer.close();
    },
  };
}
