import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { NO_POSITION, type TenantId } from '../../../domain/shared/ids.ts';
import { event, eventLogContract, type LogUnderTest, newTenant, stream, write } from '../contract.ts';
import { AppendRejected, type CommitNotice, type EventLog, maxPayloadBytes } from '../port.ts';
import { parseAddress } from './address.ts';
import { Connection } from './connection.ts';
import { type EventStoreLogOptions, eventStoreLog } from './log.ts';
import { eventsPerPage } from './pages.ts';
import { Records } from './records.ts';

const url = process.env.EVENTSTORE_URL;

const newPrefix = (): string => `t${randomUUID().replaceAll('-', '').slice(0, 16)}`;
const openLog = (options: Partial<EventStoreLogOptions> = {}): Promise<EventLog> =>
  eventStoreLog({ address: parseAddress(url!), ...options });

const make = async (): Promise<LogUnderTest> => {
  const prefix = newPrefix();
  const open = async (): Promise<LogUnderTest> => {
    const log = await openLog({ prefix });
    return { log, close: () => log.close(), reopen: async () => log.close().then(open) };
  };
  return open();
};

if (url) eventLogContract('EventStoreDB', make, { atomicOverStreams: true });
else {
  describe.skip('EventStoreDB as an event log: needs EVENTSTORE_URL, such as esdb://127.0.0.1:2113?tls=false', () => {
    it('keeps the contract of every event log', () => {});
  });
}

describe.skipIf(!url)('beyond what every log promises, EventStoreDB (needs EVENTSTORE_URL)', () => {
  const opened: EventLog[] = [];
  const open = async (options: Partial<EventStoreLogOptions> = {}): Promise<EventLog> => {
    const log = await openLog(options);
    opened.push(log);
    return log;
  };
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((log) => log.close()));
  });
  const count = async (log: EventLog, tenant: TenantId) => (await log.readAll(tenant, NO_POSITION, 10_000)).length;

  it('knows ids and streams of long ago after a restart, from the pages of its index', async () => {
    const tenant = newTenant();
    const prefix = newPrefix();
    const first = await open({ prefix });
    const old = [event('a'), event('b')];
    await first.append(tenant, [write('old', -1, ...old)]);
    for (let n = 0; n < 3; n++) {
      const writes = Array.from({ length: eventsPerPage }, (_, one) => write(`s${n}-${one}`, -1, event('x')));
      await first.append(tenant, writes);
    }
    await first.close();

    const log = await open({ prefix });
    const all = 2 + 3 * eventsPerPage;
    expect(await log.append(tenant, [write('old', 7, ...old)])).toMatchObject({
      kind: 'appended',
      commits: [{ revision: 1, position: 2, repeated: true }],
    });
    await expect(log.append(tenant, [write('new', -1, old[1]!)])).rejects.toThrow(AppendRejected);
    await expect(log.append(tenant, [write('old', 1, old[0]!, event('c'))])).rejects.toThrow(AppendRejected);
    expect(await log.append(tenant, [write('s1-7', -1, event('x'))])).toMatchObject({ kind: 'conflict' });
    expect(await log.append(tenant, [write('s1-7', 0, event('y'))])).toMatchObject({
      commits: [{ revision: 1, position: all + 1 }],
    });
    expect(await count(log, tenant)).toBe(all + 1);
    // What the pages do not hold yet is known as well.
    const [late] = await log.readStream(tenant, stream('s2-511'));
    await expect(log.append(tenant, [write('other', -1, late!)])).rejects.toThrow(AppendRejected);
  });

  it('stores a call of many times its append size whole, or not at all', async () => {
    const tenant = newTenant();
    const prefix = newPrefix();
    const log = await open({ prefix });
    const large = (fill: number) => ({ ...event(''), payload: Buffer.alloc(maxPayloadBytes, fill) });
    const call = [write('s', -1, large(1), large(2)), write('t', -1, event('small'), large(3), large(4))];
    expect(await log.append(tenant, [...call, write('u', 5, event('x'))])).toMatchObject({
      ...{ kind: 'conflict', index: 2, commits: [] },
    });
    expect(await count(log, tenant)).toBe(0);
    const outcome = await log.append(tenant, call);
    expect(outcome).toMatchObject({ commits: [{ position: 2 }, { position: 5 }] });
    const other = await open({ prefix });
    const firstBytes = (events: readonly { payload: Uint8Array }[]) => events.map((one) => one.payload[0]);
    const small = 's'.charCodeAt(0);
    for (const reader of [log, other]) {
      expect(firstBytes(await reader.readAll(tenant, NO_POSITION, 10))).toEqual([1, 2, small, 3, 4]);
      expect(firstBytes(await reader.readStream(tenant, stream('t')))).toEqual([small, 3, 4]);
    }
    expect(await other.append(tenant, call)).toMatchObject({ commits: [{ repeated: true }, { repeated: true }] });
  });

  it('has several nodes on one tenant share one order without gaps, and tells each of what all store', async () => {
    const tenant = newTenant();
    const prefix = newPrefix();
    const logs = [await open({ prefix }), await open({ prefix }), await open({ prefix })];
    const told = logs.map((log) => {
      const notices: CommitNotice[] = [];
      log.commits.subscribe((notice) => notices.push(notice));
      return notices;
    });
    await Promise.all(
      Array.from({ length: 240 }, (_, n) =>
        logs[n % 3]!.append(tenant, [write(`s${n}`, -1, event('a')), write(`t${n}`, -1, event('b'))]),
      ),
    );
    for (const [index, log] of logs.entries()) {
      const stored = await log.readAll(tenant, NO_POSITION, 1_000);
      expect(stored.map((one) => one.position)).toEqual(Array.from({ length: 480 }, (_, n) => n + 1));
      await expect.poll(() => told[index]!.at(-1)?.head).toBe(480);
      const events = told[index]!.flatMap((notice) => notice.events ?? []);
      expect(events.map((one) => one.position)).toEqual(stored.map((one) => one.position));
      expect(await log.tenants()).toEqual([{ tenant, head: 480 }]);
    }
  });

  it('has told a node of all that others stored before it asks, however late the store tells it', async () => {
    const never = vi.spyOn(Connection.prototype, 'subscribe').mockRejectedValue(new Error('not now'));
    onTestFinished(() => never.mockRestore());
    const prefix = newPrefix();
    const tenant = newTenant();
    const [a, b] = [await open({ prefix }), await open({ prefix })];
    const told = new Set<string>();
    b.commits.subscribe(({ events = [] }) => {
      for (const { stream } of events) told.add(stream);
    });
    for (let round = 1; round <= 30; round++) {
      await a.append(tenant, [write(`a${round}`, -1, event('x'))]);
      await Promise.all([b.heard?.(tenant), b.heard?.(tenant)]);
      expect(told).toContain(`a${round}`);
      if (round % 3 === 0) await b.append(tenant, [write(`b${round}`, -1, event('y'))]);
    }
    expect(told.size).toBe(40);
  });

  it('misses nothing of a stream when its look at the end comes so late that the event is long linked', async () => {
    const prefix = newPrefix();
    const tenant = newTenant();
    const reader = await open({ prefix, isFollowing: false });
    const writer = await open({ prefix });
    await writer.append(tenant, [write('before', -1, event('x'))]);
    expect(await reader.readStream(tenant, stream('before'))).toHaveLength(1);
    const late = Promise.withResolvers<void>();
    const after = Records.prototype.after;
    const looks = vi.spyOn(Records.prototype, 'after');
    onTestFinished(() => looks.mockRestore());
    looks.mockImplementationOnce(async function (this: Records, ...range) {
      await late.promise;
      return after.apply(this, range);
    });
    await writer.append(tenant, [write('s', -1, event('y'))]);
    const reading = reader.readStream(tenant, stream('s'));
    const many = Array.from({ length: 1_500 }, () => event('z'));
    for (let from = 0; from < many.length; from += 500)
      await writer.append(tenant, [write('many', from - 1, ...many.slice(from, from + 500))]);
    const appends = vi.spyOn(Records.prototype, 'append');
    onTestFinished(() => appends.mockRestore());
    // Until the store says that all of these have links.
    for (let revision = 0; (appends.mock.lastCall?.[2] ?? 0) < many.length; revision++)
      await writer.append(tenant, [write('before', revision, event('x'))]);
    late.resolve();
    expect(await reading).toHaveLength(1);
  });

  it('lets writers of several nodes continue one stream: each takes a revision once', async () => {
    const tenant = newTenant();
    const prefix = newPrefix();
    const logs = [await open({ prefix }), await open({ prefix })];
    let stored = 0;
    await Promise.all(
      Array.from({ length: 6 }, async (_, n) => {
        const log = logs[n % 2]!;
        for (let done = 0, revision = -1; done < 10; ) {
          const outcome = await log.append(tenant, [write('s', revision, event(`${n}`))]);
          if (outcome.kind === 'appended') {
            done++;
            stored++;
            revision++;
          } else revision += outcome.missed.length;
        }
      }),
    );
    expect(stored).toBe(60);
    const events = await logs[0]!.readStream(tenant, stream('s'));
    expect(events.map((one) => one.revision)).toEqual(Array.from({ length: 60 }, (_, n) => n));
    expect(await logs[1]!.readStream(tenant, stream('s'))).toEqual(events);
  });
});
