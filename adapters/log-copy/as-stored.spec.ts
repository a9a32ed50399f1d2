import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { freshDatabase } from '../../test/postgres.ts';
import { newTenant } from '../event-log/contract.ts';
import { memoryEventLog } from '../event-log/memory.ts';
import type { EventLog, StoredEvent } from '../event-log/port.ts';
import { postgresEventLog } from '../event-log/postgres/log.ts';
import { appendAsStored, appendLimits } from './as-stored.ts';
import { LogsDiffer } from './difference.ts';
import { appending, Died, dying, everything, newEventStoreLog, note } from './rig.ts';

const database = await freshDatabase();
const targets: [string, () => Promise<EventLog>][] = [
  ['memory', async () => memoryEventLog()],
  ['PostgreSQL', async () => postgresEventLog({ pool: database.pool })],
];
if (newEventStoreLog) targets.push(['EventStoreDB', newEventStoreLog]);
else it.skip('the same with EventStoreDB: needs EVENTSTORE_URL', () => {});

/** A tenant's events in some log, one a letter: the stream it goes to. */
async function filled(streams: Iterable<string>): Promise<StoredEvent[]> {
  const log = memoryEventLog();
  const tenant = newTenant();
  let n = 0;
  for (const stream of streams) await note(log, tenant, stream, `${stream}${n++}`);
  return everything(log, tenant);
}

describe.each(targets)('events stored before, appended to %s', (_, open) => {
  it('are the same there: ids, revisions, positions, hashes and bytes, however they are gathered', async () => {
    const log = await open();
    const streams = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 40 });
    const limits = fc.record({ events: fc.integer({ min: 1, max: 9 }), bytes: fc.integer({ min: 0, max: 20 }) });
    await fc.assert(
      fc.asyncProperty(streams, limits, async (names, most) => {
        const events = await filled(names);
        const { tenant } = events[0]!;
        await appendAsStored(log, tenant, events, most);
        expect(await everything(log, tenant)).toEqual(events);
      }),
      { numRuns: 25 },
    );
  });

  it('go on after a call that was cut, before it was stored or before it was answered', async () => {
    const events = await filled('abacbbacabca');
    for (const when of ['before', 'after'] as const) {
      for (let nth = 0; nth < 6; nth++) {
        const log = await open();
        const tenant = newTenant();
        const own = events.map((event) => ({ ...event, tenant }));
        const limits = { ...appendLimits, events: 2 };
        await expect(appendAsStored(dying(log, nth, when), tenant, own, limits)).rejects.toThrow(Died);
        await appendAsStored(log, tenant, own, limits);
        expect(await everything(log, tenant)).toEqual(own);
      }
    }
  });

  it('are refused where the log holds something else, and what it holds stays', async () => {
    const log = await open();
    const events = await filled('aabab');
    const { tenant } = events[0]!;
    const other = events.map((event, n) => (n === 1 ? { ...event, payload: Buffer.from('x') } : event));
    await appendAsStored(log, tenant, other.slice(0, 3));
    await expect(appendAsStored(log, tenant, events)).rejects.toThrow(
      new LogsDiffer(tenant, 2, 'the payload is another'),
    );
    expect(await everything(log, tenant)).toEqual(other.slice(0, 3));
  });

  it('are refused where the log lacks what comes before, where one is missing, and where they are of another', async () => {
    const log = await open();
    const events = await filled('aaaa');
    const { tenant } = events[0]!;
    await expect(appendAsStored(log, tenant, events.slice(2))).rejects.toThrow('position 1: there is no event');
    await expect(appendAsStored(log, tenant, events.toSpliced(2, 1))).rejects.toThrow('position 3: missing');
    await expect(appendAsStored(log, newTenant(), events)).rejects.toThrow(`the event is of ${tenant}`);
    expect(await everything(log, tenant)).toEqual([]);
  });

  it('are refused where a stream or an id of the log is already further', async () => {
    const log = await open();
    const events = await filled('abab');
    const { tenant } = events[0]!;
    const elsewhere = events.map((event, n) => (n === 0 ? { ...event, stream: 'b' as never } : event));
    await appendAsStored(log, tenant, elsewhere.slice(0, 1));
    await expect(appendAsStored(log, tenant, [...elsewhere.slice(0, 1), ...events.slice(1)])).rejects.toThrow(
      'position 2: stream b does not end at revision -1',
    );
    const again = events.map((event, n) => (n === 1 ? { ...event, id: events[0]!.id, stream: 'c' as never } : event));
    await expect(appendAsStored(log, tenant, [elsewhere[0]!, again[1]!])).rejects.toThrow(LogsDiffer);
    expect(await everything(log, tenant)).toHaveLength(1);
  });

  it('say so where somebody else appends meanwhile', async () => {
    const log = await open();
    const events = await filled('ab');
    const { tenant } = events[0]!;
    const disturbed = appending(log, async (of, writes) => {
      await note(log, tenant, 'stranger', 'x');
      return log.append(of, writes);
    });
    await expect(appendAsStored(disturbed, tenant, events)).rejects.toThrow('somebody else appends to it');
  });
});
