import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AccountId, Instant, TenantId } from '../../domain/shared/ids.ts';
import { virtualClock } from '../clock.ts';
import { createLogger } from '../log/logger.ts';
import { AuthenticationFailed, QuotaExceeded, Unavailable } from '../office/errors.ts';
import type { CrawlCounts } from './crawl.ts';
import { OfficePoller } from './poller.ts';

const tenant = 'demo.example' as TenantId;
const counts: CrawlCounts = { collections: 4, seen: 0, added: 0, changed: 0, removed: 0, suspended: 0 };
const intervalMs = 900_000;
let poller: OfficePoller | undefined;
afterEach(() => poller?.stop());

/** `crawls` holds what is running; each is ended by its function. */
function given(names: readonly string[], options: { active?: boolean; crawled?: boolean; holds?: boolean } = {}) {
  const clock = virtualClock();
  const started: { account: string; atMs: number; withOwners: boolean; end: (error?: Error) => void }[] = [];
  let error: Error | undefined;
  const accounts = names.map((name) => ({ tenant, account: name as AccountId }));
  const beginMs = clock.nowMs();
  poller = new OfficePoller({
    crawl: {
      run: (_tenant, account, { withOwners }) =>
        new Promise((resolve, reject) => {
          const end = (failed = error): void => (failed ? reject(failed) : resolve(counts));
          started.push({ account, atMs: clock.nowMs() - beginMs, withOwners, end });
          if (!options.holds) end();
        }),
    },
    accounts: async () => accounts,
    isActive: () => options.active ?? true,
    wasCrawled: () => options.crawled ?? true,
    ...{ clock, intervalMs, log: createLogger('silent') },
  });
  return {
    ...{ poller, clock, started, accounts },
    fail(with_: Error | undefined) {
      error = with_;
    },
    /** Lets time pass in steps small enough for what runs in between. */
    async pass(ms: number): Promise<void> {
      for (let passed = 0; passed < ms; passed += 10_000) {
        clock.advance(Math.min(10_000, ms - passed));
        for (let turn = 0; turn < 30; turn++) await Promise.resolve();
      }
    },
  };
}

describe('polling', () => {
  it('takes every account once an interval, spread over it', async () => {
    const names = Array.from({ length: 40 }, (_, n) => `person${n}`);
    const { poller, pass, started } = given(names);
    poller.start();
    await pass(intervalMs + 40_000);
    for (const name of names) expect(started.some(({ account }) => account === name)).toBe(true);
    const firstHalf = started.filter(({ atMs }) => atMs < intervalMs / 2).length;
    expect(firstHalf).toBeGreaterThan(8);
    expect(firstHalf).toBeLessThan(32);
  });

  it('begins at once with accounts that were never crawled, and with new ones', async () => {
    const { poller, pass, started, accounts } = given(['kari'], { crawled: false });
    poller.start();
    await pass(10_000);
    expect(started).toHaveLength(1);
    accounts.push({ tenant, account: 'ola' as AccountId });
    await pass(60_000);
    expect(started.map(({ account }) => account)).toEqual(['kari', 'ola']);
    poller.activated(tenant, 'kari' as AccountId);
    await pass(10_000);
    expect(started).toHaveLength(3);
  });

  it('takes people whose devices are silent four times less often', async () => {
    const { poller, pass, started } = given(['kari'], { crawled: false, active: false });
    poller.start();
    await pass(4 * intervalMs - 30_000);
    expect(started).toHaveLength(1);
    await pass(60_000);
    expect(started).toHaveLength(2);
  });

  it('runs two at a time', async () => {
    const { poller, pass, started } = given(['a', 'b', 'c'], { crawled: false, holds: true });
    poller.start();
    await pass(60_000);
    expect(started).toHaveLength(2);
    started[0]?.end();
    await pass(10_000);
    expect(started).toHaveLength(3);
    for (const one of started) one.end();
  });

  it('waits longer and longer for an office that does not answer', async () => {
    const { poller, pass, started, fail } = given(['kari'], { crawled: false });
    fail(new Unavailable('away'));
    poller.start();
    await pass(600_000);
    const at = started.map(({ atMs }) => atMs);
    expect(at.length).toBeGreaterThan(3);
    const pauses = at.slice(1).map((ms, index) => ms - (at[index] ?? 0));
    for (const [index, pause] of pauses.slice(1).entries()) expect(pause).toBeGreaterThan(1.5 * (pauses[index] ?? 0));
    expect(poller.status(tenant, 'kari' as AccountId).last).toMatchObject({ kind: 'failed', reason: 'unavailable' });
  });

  it('waits as long as a quota lasts, and long after a wrong password', async () => {
    const { poller, pass, started, fail, clock } = given(['kari'], { crawled: false });
    fail(new QuotaExceeded(new Date(clock.nowMs() + 1_800_000).toISOString() as Instant));
    poller.start();
    await pass(1_790_000);
    expect(started).toHaveLength(1);
    fail(new AuthenticationFailed('wrong'));
    await pass(60_000);
    expect(started).toHaveLength(2);
    await pass(3_000_000);
    expect(started).toHaveLength(2);
  });
});

describe('asking for a crawl', () => {
  it('answers with counts, and looks at shared calendars too', async () => {
    const { poller, started } = given([]);
    expect(await poller.pollNow(tenant, 'kari' as AccountId)).toEqual({ kind: 'done', counts });
    expect(started).toMatchObject([{ account: 'kari', withOwners: true }]);
  });

  it('shares one run among those who ask while another runs, and it begins after they asked', async () => {
    const { poller, started } = given([], { holds: true });
    const first = poller.pollNow(tenant, 'kari' as AccountId);
    const others = [poller.pollNow(tenant, 'kari' as AccountId), poller.pollNow(tenant, 'kari' as AccountId)];
    expect(started).toHaveLength(1);
    started[0]?.end();
    await first;
    await vi.waitFor(() => expect(started).toHaveLength(2));
    started[1]?.end();
    await Promise.all(others);
    expect(started).toHaveLength(2);
  });

  it('says that it still runs when it takes too long', async () => {
    const { poller, started, clock } = given([], { holds: true });
    const asked = poller.pollNow(tenant, 'kari' as AccountId, 5_000);
    clock.advance(5_000);
    expect(await asked).toEqual({ kind: 'stillRunning' });
    started[0]?.end();
  });
});
