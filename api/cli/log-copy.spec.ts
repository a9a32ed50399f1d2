import { beforeEach, describe, expect, it } from 'vitest';
import { newTenant } from '../../adapters/event-log/contract.ts';
import { memoryEventLog } from '../../adapters/event-log/memory.ts';
import { LogSealed } from '../../adapters/event-log/port.ts';
import { postgresEventLog } from '../../adapters/event-log/postgres/log.ts';
import { LogCopy } from '../../adapters/log-copy/copy.ts';
import { cutOver } from '../../adapters/log-copy/cut-over.ts';
import { claimLogHome, readLogHome } from '../../adapters/log-copy/home.ts';
import { appending, Died, everything, note } from '../../adapters/log-copy/rig.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import type { TenantId } from '../../domain/shared/ids.ts';
import { type FreshDatabase, freshDatabase } from '../../test/postgres.ts';
import { logCopyCommand } from './commands/log-copy.ts';
import { type LogCopyRequest, runLogCopy, runLogUnseal } from './log-copy.ts';
import { moveSteps } from './log-move.ts';
import { runMobileSync } from './mobilesync.ts';

const own = await freshDatabase();
const log = postgresEventLog({ pool: own.pool });
const env = { DATABASE_URL: own.url };
const tenants: TenantId[] = [newTenant(), newTenant()];
await claimLogHome(own.pool, 'postgres');
for (const tenant of tenants) for (let n = 0; n < 6; n++) await note(log, tenant, `s${n % 2}`, `${n}`);

let other: FreshDatabase;
const lines: string[] = [];
const print = (line: string) => lines.push(line);
beforeEach(async () => {
  lines.length = 0;
});

const wish: Omit<LogCopyRequest, 'to'> = {
  from: 'postgres',
  ...{ isVerifying: false, isDry: false, isFollowing: false, isCutOver: false },
};
const copyTo = (to: string, more: Partial<LogCopyRequest> = {}, signal?: AbortSignal) =>
  runLogCopy(env, { ...wish, to, ...more }, print, print, signal);

describe('log copy to another PostgreSQL', () => {
  beforeEach(async () => {
    other = await freshDatabase();
  });
  const target = () => postgresEventLog({ pool: other.pool });
  const elsewhere = () => `postgres=${other.url}`;
  const mustBeOne = async () => {
    for (const tenant of tenants) expect(await everything(target(), tenant)).toEqual(await everything(log, tenant));
  };

  it('says what there is to copy, copies it, and has nothing to copy then', async () => {
    const head = (await Promise.all(tenants.map((tenant) => log.head(tenant)))).reduce((all, one) => all + one, 0);
    expect(await copyTo(elsewhere(), { isDry: true })).toBe(0);
    expect(lines.at(-1)).toBe(`the other PostgreSQL holds 0 of ${head} events`);
    expect(await target().tenants()).toEqual([]);
    expect(await copyTo(elsewhere())).toBe(0);
    await mustBeOne();
    lines.length = 0;
    expect(await copyTo(elsewhere(), { isVerifying: true })).toBe(0);
    expect(lines).toEqual([
      `0 events copied: the other PostgreSQL holds ${head} of ${head}, every one of them the same`,
    ]);
    expect(lines.join('\n')).not.toContain(new URL(other.url).password);
  });

  it('of one tenant copies that one', async () => {
    expect(await copyTo(elsewhere(), { tenant: tenants[1]! })).toBe(0);
    expect((await target().tenants()).map(({ tenant }) => tenant)).toEqual([tenants[1]]);
    await expect(copyTo(elsewhere(), { tenant: 'nobody.example' })).rejects.toThrow('no events of a tenant nobody');
  });

  it('ends at the first difference with a sentence', async () => {
    await copyTo(elsewhere());
    await other.pool.query(
      `begin; set local mobilesync.maintenance = 'events';
        update events set payload = '\\x00' where tenant = '${tenants[0]}' and position = 2; commit`,
    );
    await copyTo(elsewhere());
    await expect(copyTo(elsewhere(), { isVerifying: true })).rejects.toThrow(
      `It is not the same log. ${tenants[0]}, position 2: the payload is another. Nothing was overwritten.`,
    );
  });

  it('follows until it is ended, and is then the same', async () => {
    const ending = new AbortController();
    const following = copyTo(elsewhere(), { isFollowing: true }, ending.signal);
    await expect.poll(() => lines.at(-1), { interval: 5 }).toContain('following postgres');
    await note(log, tenants[0]!, 's0', 'later');
    await expect.poll(() => lines.at(-1), { interval: 5, timeout: 5_000 }).toBe('1 events copied');
    ending.abort();
    expect(await following).toBe(0);
    await mustBeOne();
  });

  it('is done by one at a time', async () => {
    const ending = new AbortController();
    const following = copyTo(elsewhere(), { isFollowing: true }, ending.signal);
    await expect.poll(() => lines.at(-1), { interval: 5 }).toContain('following postgres');
    await expect(copyTo(elsewhere())).rejects.toThrow('Another log copy is at work');
    ending.abort();
    await following;
  });
});

describe('log copy refuses, with what to do,', () => {
  it.each([
    ['one and the same log', { to: 'postgres' }, 'one and the same'],
    ['a log that there is not', { to: 'kafka' }, '--to must be postgres or eventstoredb, or postgres=<url>'],
    ['to copy out of another database', { from: 'postgres=postgres://h/d', to: 'postgres' }, '--from must be'],
    [
      'a log that does not hold the events',
      { from: 'eventstoredb', to: 'postgres' },
      'events of this database are in postgres',
    ],
    ['to move to another database', { to: 'postgres=postgres://h/d', isCutOver: true }, 'Use backup and restore'],
    ['to move one tenant', { to: 'eventstoredb', isCutOver: true, tenant: 'x' }, 'leave --tenant out'],
    ['two wishes', { to: 'eventstoredb', isCutOver: true, isDry: true }, 'Say one of'],
    ['an event store that is not named', { to: 'eventstoredb' }, 'EVENTSTORE_URL'],
  ])('%s', async (_, request, sentence) => {
    await expect(copyTo(request.to, request)).rejects.toThrow(sentence);
  });

  it('a database that was never served from', async () => {
    const fresh = await freshDatabase();
    const request = { ...wish, to: `postgres=${own.url}` };
    await expect(runLogCopy({ DATABASE_URL: fresh.url }, request, print)).rejects.toThrow('No server was ever started');
  });

  it('without --from, and helps with examples', async () => {
    await expect(runMobileSync(env, ['log', 'copy', '--to', 'postgres'], print)).rejects.toThrow(
      '--from <log> is missing',
    );
    expect(await runMobileSync(env, ['log', 'copy', '--help'], print, print, [logCopyCommand])).toBe(0);
    expect(lines.join('\n')).toContain('-- log copy --from postgres --to eventstoredb --cut-over');
  });
});

describe('the move', () => {
  it('seals PostgreSQL, names the new log, and the way back opens it again', async () => {
    const target = memoryEventLog();
    const tenant = tenants[0]!;
    await cutOver(new LogCopy({ from: log, to: target }), moveSteps(own.pool, 'postgres', 'eventstoredb'));
    expect(await readLogHome(own.pool)).toEqual({ log: 'eventstoredb' });
    await expect(note(log, tenant, 's0', 'late')).rejects.toThrow(LogSealed);
    await expect(copyTo('eventstoredb')).rejects.toThrow('events of this database are in eventstoredb');

    await note(target, tenant, 's0', 'there');
    const { connection } = own;
    const passing = createPool({
      ...{ connection, applicationName: 'x', max: 4, onError: () => {}, settings: { 'mobilesync.passes_seal': 'on' } },
    });
    const back = new LogCopy({ from: target, to: postgresEventLog({ pool: passing }) });
    await cutOver(back, moveSteps(own.pool, 'eventstoredb', 'postgres'));
    await passing.end();
    expect(await readLogHome(own.pool)).toEqual({ log: 'postgres' });
    await note(log, tenant, 's0', 'again');
    expect(await log.head(tenant)).toBe((await target.head(tenant)) + 1);
  });

  it.each(['before the seal', 'after the seal', 'in the rest', 'before the end', 'after the end'])(
    'cut %s is ended by the same again',
    async (moment) => {
      const tenant = newTenant();
      await note(log, tenant, 's', 'a');
      const target = memoryEventLog();
      const steps = moveSteps(own.pool, 'postgres', 'eventstoredb');
      let isSealed = false;
      const dies = (when: string) => {
        if (when === moment) throw new Died();
      };
      const to = appending(target, async (of, writes) => {
        const outcome = await target.append(of, writes);
        if (isSealed) dies('in the rest');
        return outcome;
      });
      const cut = cutOver(new LogCopy({ from: log, to }), {
        async seal() {
          await note(log, tenant, 's', 'rest');
          dies('before the seal');
          await steps.seal();
          isSealed = true;
          dies('after the seal');
        },
        async open() {
          dies('before the end');
          await steps.open();
          dies('after the end');
        },
      });
      await expect(cut).rejects.toThrow(Died);
      const isEnded = (await readLogHome(own.pool))?.log === 'eventstoredb';
      expect(isEnded).toBe(moment === 'after the end');
      if (!isEnded) await cutOver(new LogCopy({ from: log, to: target }), steps);
      expect(await readLogHome(own.pool)).toEqual({ log: 'eventstoredb' });
      expect(await everything(target, tenant)).toEqual(await everything(log, tenant));
      await expect(note(log, tenant, 's', 'late')).rejects.toThrow(LogSealed);
      // Back, without what nobody appended there.
      await moveSteps(own.pool, 'eventstoredb', 'postgres').seal();
      await moveSteps(own.pool, 'eventstoredb', 'postgres').open();
      await note(log, tenant, 's', 'again');
    },
  );

  it('away from a log that cannot refuse appends waits until no server runs', async () => {
    await own.pool.query(`update log_home set log = 'eventstoredb'`);
    const server = createPool({ connection: own.connection, applicationName: 'mobilesync', max: 1, onError: () => {} });
    await server.query('select 1');
    const steps = moveSteps(own.pool, 'eventstoredb', 'postgres');
    await expect(steps.seal()).rejects.toThrow('Servers run, and eventstoredb cannot refuse');
    expect(await readLogHome(own.pool)).toEqual({ log: 'eventstoredb' });
    await server.end();
    await own.pool.query(`insert into node (id, host, pid, process_space, version, started_at, expires_at)
      values (gen_random_uuid(), 'other', 1, '', '', now(), now() + interval '1 hour')`);
    await expect(steps.seal()).rejects.toThrow('Servers run');
    await own.pool.query('delete from node');
    await expect
      .poll(
        () =>
          steps.seal().then(
            () => true,
            () => false,
          ),
        { interval: 20 },
      )
      .toBe(true);
    expect(await readLogHome(own.pool)).toEqual({ log: 'eventstoredb', movingTo: 'postgres' });
    await runLogUnseal(env, print);
    await own.pool.query(`update log_home set log = 'postgres'`);
  });

  it('that was cut after the seal is given up by log unseal, once', async () => {
    await moveSteps(own.pool, 'postgres', 'eventstoredb').seal();
    await expect(note(log, tenants[0]!, 's0', 'late')).rejects.toThrow(LogSealed);
    await expect(copyTo(`postgres=${own.url}`)).rejects.toThrow('are being moved from postgres to eventstoredb');
    expect(await runLogUnseal(env, print)).toBe(0);
    expect(lines).toEqual(['the move is given up: servers start on postgres as before']);
    await note(log, tenants[0]!, 's0', 'now');
    await expect(runLogUnseal(env, print)).rejects.toThrow('No move of the log is under way');
  });
});
