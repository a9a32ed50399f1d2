/** What every `EventLog` promises, as a suite. A store that passes it can stand under the event store. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type EventId,
  type Instant,
  NO_POSITION,
  type Position,
  type StreamName,
  type TenantId,
} from '../../domain/shared/ids.ts';
import {
  type AppendOutcome,
  AppendRejected,
  type CommitNotice,
  type EventLog,
  maxPayloadBytes,
  type StoredEvent,
  type StreamWrite,
  type UnstoredEvent,
} from './port.ts';

export interface LogUnderTest {
  readonly log: EventLog;
  /** Closes the log and opens another over what is stored, as a restart would. */
  reopen(): Promise<LogUnderTest>;
  close(): Promise<void>;
}

/** Differences the port allows. */
export interface LogFeatures {
  /** A conflict of one write undoes the earlier ones of the call. */
  readonly atomicOverStreams: boolean;
}

let counter = 0;
export const newTenant = (): TenantId => `tenant-${++counter}-${randomUUID().slice(0, 8)}.example` as TenantId;
export const stream = (name: string): StreamName => name as StreamName;

export function event(text: string, id: string = randomUUID()): UnstoredEvent {
  return {
    id: id as EventId,
    type: 'Noted',
    schemaVersion: 1,
    recordedAt: '2026-03-29T01:00:00.120Z' as Instant,
    payload: Buffer.from(text),
    hash: Buffer.alloc(32, text.length),
  };
}

export const write = (name: string, expectedRevision: number, ...events: UnstoredEvent[]): StreamWrite => ({
  stream: stream(name),
  expectedRevision,
  events,
});

const text = (stored: StoredEvent): string => Buffer.from(stored.payload).toString();

function appended(outcome: AppendOutcome): Extract<AppendOutcome, { kind: 'appended' }> {
  if (outcome.kind !== 'appended') throw new Error(`expected an append, got ${outcome.kind} at ${outcome.index}`);
  return outcome;
}

async function everything(log: EventLog, tenant: TenantId, pageSize = 100): Promise<StoredEvent[]> {
  const all: StoredEvent[] = [];
  for (;;) {
    const page = await log.readAll(tenant, all.at(-1)?.position ?? NO_POSITION, pageSize);
    if (page.length === 0) return all;
    all.push(...page);
  }
}

export function eventLogContract(name: string, make: () => Promise<LogUnderTest>, features: LogFeatures): void {
  describe(`${name} as an event log`, () => {
    let under: LogUnderTest;
    beforeAll(async () => {
      under = await make();
    });
    afterAll(async () => under.close());
    const log = (): EventLog => under.log;

    describe('append', () => {
      it('gives back what was stored, to the byte', async () => {
        const tenant = newTenant();
        const bytes = { ...event(''), payload: Buffer.from([0, 1, 92, 255, 0]), type: 'Þing "x", {y}\\' };
        await log().append(tenant, [write('Å {"\\,}', -1, bytes)]);
        const [stored] = await log().readStream(tenant, stream('Å {"\\,}'));
        expect({ ...stored, payload: Buffer.from(stored!.payload), hash: Buffer.from(stored!.hash) }).toEqual({
          ...bytes,
          tenant,
          stream: 'Å {"\\,}',
          revision: 0,
          position: stored!.position,
        });
      });

      it('numbers the events of a stream from 0 without gaps and answers where the last one stands', async () => {
        const tenant = newTenant();
        const first = appended(await log().append(tenant, [write('s', -1, event('a'), event('b'))]));
        const second = appended(await log().append(tenant, [write('s', 1, event('c'))]));
        const stored = await log().readStream(tenant, stream('s'));
        expect(stored.map(text)).toEqual(['a', 'b', 'c']);
        expect(stored.map((one) => one.revision)).toEqual([0, 1, 2]);
        expect(first.commits).toEqual([{ stream: 's', revision: 1, position: stored[1]!.position, repeated: false }]);
        expect(second.commits).toEqual([{ stream: 's', revision: 2, position: stored[2]!.position, repeated: false }]);
      });

      it('refuses a stale revision, stores nothing, and answers with the events that were missed', async () => {
        const tenant = newTenant();
        await log().append(tenant, [write('s', -1, event('a'))]);
        await log().append(tenant, [write('s', 0, event('b'), event('c'))]);
        for (const [expected, missed] of [
          [-1, ['a', 'b', 'c']],
          [0, ['b', 'c']],
          [7, []],
        ] as const) {
          const outcome = await log().append(tenant, [write('s', expected, event('x'))]);
          expect(outcome).toMatchObject({ kind: 'conflict', index: 0, commits: [] });
          if (outcome.kind === 'conflict') expect(outcome.missed.map(text)).toEqual(missed);
        }
        expect((await everything(log(), tenant)).map(text)).toEqual(['a', 'b', 'c']);
      });

      it('refuses a revision of a stream that does not exist', async () => {
        const outcome = await log().append(newTenant(), [write('s', 3, event('x'))]);
        expect(outcome).toEqual({ kind: 'conflict', index: 0, missed: [], commits: [] });
      });

      it('lets exactly one of many concurrent writers take a revision', async () => {
        const tenant = newTenant();
        const racers = Array.from({ length: 20 }, (_, n) => log().append(tenant, [write('s', -1, event(`${n}`))]));
        const outcomes = await Promise.all(racers);
        expect(outcomes.filter((outcome) => outcome.kind === 'appended')).toHaveLength(1);
        const [stored] = await log().readStream(tenant, stream('s'));
        for (const outcome of outcomes)
          if (outcome.kind === 'conflict') expect(outcome.missed.map(text)).toEqual([text(stored!)]);
        expect(await everything(log(), tenant)).toHaveLength(1);
      });

      it.each([
        ['an append without writes', () => []],
        ['a write without events', () => [write('s', -1)]],
        ['a write without events beside a good one', () => [write('s', -1, event('a')), write('t', -1)]],
        ['an id twice in one write', () => [write('s', -1, event('a', sameId), event('b', sameId))]],
        ['an id twice in two writes', () => [write('s', -1, event('a', sameId)), write('t', -1, event('b', sameId))]],
        ['an impossible revision', () => [write('s', -2, event('a'))]],
        [
          'an oversized payload',
          () => [write('s', -1, { ...event('a'), payload: new Uint8Array(maxPayloadBytes + 1) })],
        ],
      ])('refuses %s and stores nothing', async (_, writes) => {
        const tenant = newTenant();
        await expect(log().append(tenant, writes())).rejects.toThrow(AppendRejected);
        expect(await everything(log(), tenant)).toEqual([]);
      });

      it('stores a payload of the greatest size', async () => {
        const tenant = newTenant();
        const payload = new Uint8Array(maxPayloadBytes).fill(7);
        await log().append(tenant, [write('s', -1, { ...event('a'), payload })]);
        const [stored] = await log().readStream(tenant, stream('s'));
        expect(Buffer.compare(stored!.payload, payload)).toBe(0);
      });
    });

    describe('a repeat', () => {
      it.each([
        ['with the first revision', -1],
        ['with the present revision', 2],
        ['with a revision that never was', 9],
      ])('%s answers with the first result and stores nothing', async (_, expected) => {
        const tenant = newTenant();
        const events = [event('a'), event('b')];
        const first = appended(await log().append(tenant, [write('s', -1, ...events)]));
        await log().append(tenant, [write('s', 1, event('c'))]);
        const again = appended(await log().append(tenant, [write('s', expected, ...events)]));
        expect(again.commits).toEqual([{ ...first.commits[0], repeated: true }]);
        expect((await everything(log(), tenant)).map(text)).toEqual(['a', 'b', 'c']);
      });

      it('is known after a restart', async () => {
        const tenant = newTenant();
        const events = [event('a'), event('b')];
        const first = appended(await log().append(tenant, [write('s', -1, ...events)]));
        under = await under.reopen();
        const again = appended(await log().append(tenant, [write('s', -1, ...events)]));
        expect(again.commits).toEqual([{ ...first.commits[0], repeated: true }]);
      });

      it('beside a new write leaves the new write to be stored', async () => {
        const tenant = newTenant();
        const known = event('a');
        await log().append(tenant, [write('s', -1, known)]);
        const both = appended(await log().append(tenant, [write('s', -1, known), write('t', -1, event('b'))]));
        expect(both.commits.map((commit) => commit.repeated)).toEqual([true, false]);
        expect((await everything(log(), tenant)).map(text)).toEqual(['a', 'b']);
      });

      it('by many at once is stored once', async () => {
        const tenant = newTenant();
        const same = [write('s', -1, event('a'), event('b'))];
        const outcomes = await Promise.all(Array.from({ length: 12 }, () => log().append(tenant, same)));
        const commits = outcomes.map((outcome) => appended(outcome).commits[0]!);
        expect(commits.filter((commit) => !commit.repeated)).toHaveLength(1);
        expect(new Set(commits.map((commit) => commit.position)).size).toBe(1);
        expect(await everything(log(), tenant)).toHaveLength(2);
      });

      it('in part is refused', async () => {
        const tenant = newTenant();
        const known = event('a');
        await log().append(tenant, [write('s', -1, known)]);
        await expect(log().append(tenant, [write('s', 0, known, event('b'))])).rejects.toThrow(AppendRejected);
        expect(await everything(log(), tenant)).toHaveLength(1);
      });

      it('in another stream is refused', async () => {
        const tenant = newTenant();
        const known = event('a');
        await log().append(tenant, [write('s', -1, known)]);
        await expect(log().append(tenant, [write('t', -1, known)])).rejects.toThrow(AppendRejected);
        expect(await log().readStream(tenant, stream('t'))).toEqual([]);
      });

      it('in another tenant is no repeat', async () => {
        const known = event('a');
        await log().append(newTenant(), [write('s', -1, known)]);
        const other = appended(await log().append(newTenant(), [write('s', -1, known)]));
        expect(other.commits[0]!.repeated).toBe(false);
      });
    });

    describe('several streams in one call', () => {
      it('are stored in the order of the writes', async () => {
        const tenant = newTenant();
        await log().append(tenant, [write('b', -1, event('0'))]);
        const { commits } = appended(
          await log().append(tenant, [
            write('c', -1, event('1'), event('2')),
            write('b', 0, event('3')),
            write('a', -1, event('4')),
            write('c', 1, event('5')),
          ]),
        );
        const all = await everything(log(), tenant);
        expect(all.map(text)).toEqual(['0', '1', '2', '3', '4', '5']);
        expect(commits.map((commit) => commit.position)).toEqual([2, 3, 4, 5].map((place) => all[place]!.position));
        expect(commits.map((commit) => commit.revision)).toEqual([1, 1, 0, 2]);
      });

      it('name the first that conflicts', async () => {
        const tenant = newTenant();
        await log().append(tenant, [write('b', -1, event('old'))]);
        const outcome = await log().append(tenant, [
          write('a', -1, event('1')),
          write('b', -1, event('2')),
          write('c', -1, event('3')),
        ]);
        expect(outcome).toMatchObject({ kind: 'conflict', index: 1 });
        if (outcome.kind === 'conflict') {
          expect(outcome.missed.map(text)).toEqual(['old']);
          expect(outcome.commits.map((commit) => commit.stream)).toEqual(features.atomicOverStreams ? [] : ['a']);
        }
        const stored = (await everything(log(), tenant)).map(text);
        expect(stored).toEqual(features.atomicOverStreams ? ['old'] : ['old', '1']);
      });

      it('taken in opposite orders by many writers all get through', async () => {
        const tenant = newTenant();
        const names = ['a', 'b', 'c', 'd'];
        await log().append(
          tenant,
          names.map((one) => write(one, -1, event(one))),
        );
        const revisions = new Map(names.map((one) => [one, 0]));
        await Promise.all(
          Array.from({ length: 8 }, async (_, n) => {
            const order = n % 2 === 0 ? names : [...names].reverse();
            for (let done = false; !done; ) {
              const attempt = order.map((one) => write(one, revisions.get(one)!, event(`${one}${n}`)));
              const outcome = await log().append(tenant, attempt);
              done = outcome.kind === 'appended';
              for (const one of names) {
                const [last] = (await log().readStream(tenant, stream(one))).slice(-1);
                revisions.set(one, last!.revision);
              }
            }
          }),
        );
        for (const one of names) expect((await log().readStream(tenant, stream(one))).length).toBeGreaterThanOrEqual(9);
      });
    });

    describe('reading', () => {
      it('gives a part of a stream, in order', async () => {
        const tenant = newTenant();
        await log().append(tenant, [write('s', -1, ...['a', 'b', 'c', 'd', 'e'].map((one) => event(one)))]);
        const part = async (options: { from?: number; limit?: number }) =>
          (await log().readStream(tenant, stream('s'), options)).map(text).join('');
        expect(await part({})).toBe('abcde');
        expect(await part({ from: 2 })).toBe('cde');
        expect(await part({ limit: 2 })).toBe('ab');
        expect(await part({ from: 3, limit: 1 })).toBe('d');
        expect(await part({ from: 9 })).toBe('');
      });

      it('finds nothing in an unknown stream and an unknown tenant', async () => {
        const tenant = newTenant();
        expect(await log().readStream(tenant, stream('s'))).toEqual([]);
        expect(await log().readAll(tenant, NO_POSITION, 10)).toEqual([]);
        expect(await log().head(tenant)).toBe(0);
      });

      it('gives several streams at once and leaves out those without events', async () => {
        const tenant = newTenant();
        await log().append(tenant, [write('a', -1, event('1'), event('2')), write('b', -1, event('3'))]);
        await log().append(tenant, [write('a', 1, event('4'))]);
        const found = await log().readStreams(tenant, ['b', 'none', 'a'].map(stream));
        expect([...found].map(([one, events]) => [one, events.map(text)]).sort()).toEqual([
          ['a', ['1', '2', '4']],
          ['b', ['3']],
        ]);
        expect(await log().readStreams(tenant, [])).toEqual(new Map());
      });

      it('gives everything in pages, in the order of commits, whatever the page size', async () => {
        const tenant = newTenant();
        for (let n = 0; n < 15; n++)
          await log().append(tenant, [write(`s${n % 4}`, Math.floor(n / 4) - 1, event(`${n}`))]);
        const whole = await log().readAll(tenant, NO_POSITION, 100);
        expect(whole.map(text)).toEqual(Array.from({ length: 15 }, (_, n) => `${n}`));
        for (const size of [1, 4, 7, 15]) expect(await everything(log(), tenant, size)).toEqual(whole);
      });

      it('knows the head of a tenant and of all tenants', async () => {
        const tenant = newTenant();
        const { commits } = appended(await log().append(tenant, [write('s', -1, event('a'), event('b'))]));
        expect(await log().head(tenant)).toBe(commits[0]!.position);
        const other = newTenant();
        await log().append(other, [write('s', 4, event('conflict'))]);
        const tenants = new Map((await log().tenants()).map((one) => [one.tenant, one.head]));
        expect(tenants.get(tenant)).toBe(commits[0]!.position);
        expect(tenants.has(other)).toBe(false);
      });

      it('keeps tenants apart', async () => {
        const [one, other] = [newTenant(), newTenant()];
        await log().append(one, [write('s', -1, event('mine'))]);
        await log().append(other, [write('s', -1, event('theirs'))]);
        expect((await everything(log(), one)).map(text)).toEqual(['mine']);
        expect((await log().readStream(other, stream('s'))).map(text)).toEqual(['theirs']);
        const streams = await log().readStreams(other, [stream('s')]);
        expect(streams.get(stream('s'))!.map(text)).toEqual(['theirs']);
      });

      it('gives the same positions after a restart', async () => {
        const tenant = newTenant();
        await log().append(tenant, [write('s', -1, event('a'), event('b'))]);
        const before = await everything(log(), tenant);
        under = await under.reopen();
        expect(await everything(log(), tenant)).toEqual(before);
        const { commits } = appended(await log().append(tenant, [write('s', 1, event('c'))]));
        expect(commits[0]!.position).toBeGreaterThan(before.at(-1)!.position);
      });
    });

    it('never lets a reader skip an event, with 16 writers of which a quarter of the calls fail', async () => {
      const tenant = newTenant();
      const polled: StoredEvent[] = [];
      let writing = true;
      const poll = async (): Promise<number> => {
        const page = await log().readAll(tenant, polled.at(-1)?.position ?? NO_POSITION, 50);
        polled.push(...page);
        return page.length;
      };
      const poller = (async () => {
        while (writing) await poll();
      })();
      let stored = 0;
      await Promise.all(
        Array.from({ length: 16 }, async (_, writer) => {
          let revision = -1;
          for (let n = 0; n < 40; n++) {
            const fails = (n + writer) % 4 === 0;
            const events = [event(`${writer}.${n}`), event(`${writer}.${n}'`)].slice(0, 1 + (n % 2));
            const beside = write(`beside-${writer}-${n}`, -1, event('beside'));
            const own = write(`w${writer}`, fails ? revision + 50 : revision, ...events);
            const outcome = await log().append(tenant, fails || n % 8 === 3 ? [own, beside] : [own]);
            expect(outcome.kind).toBe(fails ? 'conflict' : 'appended');
            if (outcome.kind === 'conflict') continue;
            revision += events.length;
            stored += events.length + outcome.commits.length - 1;
          }
        }),
      );
      writing = false;
      await poller;
      while ((await poll()) > 0);
      expect(polled).toHaveLength(stored);
      expect(new Set(polled.map((one) => one.id)).size).toBe(stored);
      const ids = (await everything(log(), tenant, 1_000)).map((one) => one.id);
      expect(polled.map((one) => one.id)).toEqual(ids);
      const next = new Map<StreamName, number>();
      for (const one of polled) {
        expect(one.revision).toBe(next.get(one.stream) ?? 0);
        next.set(one.stream, one.revision + 1);
      }
    });

    describe('commits', () => {
      it('are told after the commit, in order, with the events, and not for conflicts and repeats', async () => {
        const tenant = newTenant();
        const notices: CommitNotice[] = [];
        const seenThen: Promise<Position>[] = [];
        const subscription = log().commits.subscribe((notice) => {
          if (notice.tenant !== tenant) return;
          notices.push(notice);
          seenThen.push(log().head(tenant));
        });
        const first = event('0');
        await log().append(tenant, [write('s', -1, first)]);
        await Promise.all(
          Array.from({ length: 30 }, (_, n) => log().append(tenant, [write(`s${n}`, -1, event(`${n}`))])),
        );
        await log().append(tenant, [write('s', -1, first)]);
        await log().append(tenant, [write('s', -1, event('conflict'))]);
        const last = appended(await log().append(tenant, [write('end', -1, event('end'))])).commits[0]!.position;
        await expect.poll(() => notices.at(-1)?.head, { interval: 5 }).toBe(last);
        subscription.unsubscribe();
        const heads = notices.map((notice) => notice.head);
        expect(heads).toEqual([...new Set(heads)].sort((a, b) => a - b));
        for (const [index, seen] of seenThen.entries()) expect(await seen).toBeGreaterThanOrEqual(notices[index]!.head);
        const told = notices.flatMap((notice) => notice.events ?? []);
        const positions = new Set((await everything(log(), tenant)).map((one) => one.position));
        expect(told.every((one) => positions.has(one.position))).toBe(true);
        for (const notice of notices) if (notice.events) expect(notice.events.at(-1)!.position).toBe(notice.head);
      });
    });
  });
}

const sameId = '8c5e7a53-3a2c-4d07-9f1b-0e2f5f1f7a10';
