/** What the recorder does when nothing can be written, and when a device runs wild. */
import { describe, expect, it } from 'vitest';
import type { AccountId, DeviceKey, Position, SubjectId, TenantId, TimeZoneName } from '../../domain/shared/ids.ts';
import { accountSubject } from '../../domain/shared/streams.ts';
import { el } from '../../test/eas-client/elements.ts';
import type { CommandName } from '../activesync/http/command-names.ts';
import { statusAnswer } from '../activesync/http/command-status.ts';
import { parseQuery } from '../activesync/http/query.ts';
import type { CommandAnswer } from '../activesync/request.ts';
import type { Session } from '../activesync/session.ts';
import { moveStatus, pingStatus } from '../activesync/status.ts';
import { ExchangeTrace } from '../activesync/trace.ts';
import { Move, Provision, Settings } from '../activesync/wbxml/code-pages/index.ts';
import { encodeTree } from '../activesync/wbxml/writer.ts';
import { virtualClock } from '../clock.ts';
import { keyRing } from '../crypto/key-ring.ts';
import { masterKey } from '../crypto/master-key.ts';
import { memoryKeyTable } from '../crypto/memory.ts';
import type { QuietCount } from './quiet-hours.ts';
import { ExchangeRecorder } from './recorder.ts';
import type { ExchangeBatch, ExchangeStore } from './store.port.ts';

const tenant = 'demo.example' as TenantId;
const account = 'kari' as AccountId;
const session = (device = 'phone'): Session => ({
  ...{ tenant, account, email: 'kari@demo.example', displayName: undefined, timeZone: 'Europe/Oslo' as TimeZoneName },
  ...{ device: device as DeviceKey, deviceId: device, version: 141 },
});

async function rig({ isDown = false, queueMax = 10_000 } = {}) {
  const clock = virtualClock();
  const keys = keyRing({ table: memoryKeyTable(), master: masterKey(new Uint8Array(32).fill(7)) });
  const subject = accountSubject(account) as SubjectId;
  await keys.ensure(tenant, [{ subject, owner: subject }]);
  const batches: ExchangeBatch[] = [];
  const quiet: QuietCount[] = [];
  const troubles: number[] = [];
  const state = { isDown, isHanging: false };
  const store = {
    insert: async (batch: ExchangeBatch) => {
      if (state.isHanging) await new Promise(() => {});
      if (state.isDown) throw new Error('the database is down');
      batches.push(batch);
    },
    addQuiet: async (counts: readonly QuietCount[]) => {
      if (state.isDown) throw new Error('the database is down');
      quiet.push(...counts);
    },
    watchAll: async () => undefined,
  } as unknown as ExchangeStore;
  const recorder = new ExchangeRecorder({
    ...{ store, keys, clock, appVersion: '1', mappingVersion: 1, keptDays: 30, bodiesKeptDays: 7, queueMax },
    position: () => 5 as Position,
    onTrouble: (_, lost) => troubles.push(lost),
  });
  const query = parseQuery('Cmd=Sync&User=kari&DeviceId=phone&DeviceType=Test');
  if (!query.ok) throw new Error(query.reason);
  const asked = { query: query.query, policyKey: '0', userAgent: 'Test/1', body: Buffer.from('asked') };
  const answer = (
    command: CommandName,
    given: CommandAnswer,
    change: (trace: ExchangeTrace) => void = () => {},
    device = 'phone',
  ) => {
    const trace = new ExchangeTrace(command, clock.nowMs(), asked);
    change(trace);
    recorder.answered(session(device), trace, given);
    return trace;
  };
  const exchanges = async () => {
    await recorder.flush();
    return batches.flatMap((batch) => batch.exchanges);
  };
  return { recorder, clock, state, batches, quiet, troubles, answer, exchanges };
}

const empty: CommandAnswer = { kind: 'empty' };
const failure: CommandAnswer = { kind: 'http', status: 503 };

describe('the recorder', () => {
  it('neither throws nor waits when the database is down, and tells of it once a minute', async () => {
    const { recorder, clock, state, quiet, troubles, answer, exchanges } = await rig({ isDown: true, queueMax: 3 });
    await recorder.start();
    for (let times = 0; times < 5; times++) answer('Sync', failure);
    answer('Sync', empty);
    expect(await recorder.flush()).toBe(false);
    expect(recorder.counts).toEqual({ written: 0, lost: 2, waiting: 3 });
    expect(troubles).toEqual([2]);
    clock.advance(60_000);
    await recorder.flush();
    expect(troubles.length).toBe(2);
    state.isDown = false;
    expect(await exchanges()).toHaveLength(recorder.counts.written);
    expect(quiet).toMatchObject([{ command: 'Sync', times: 1 }]);
  });

  it('goes on without a database that does not answer, and loses what there is no room for', async () => {
    const { recorder, clock, state, answer } = await rig({ queueMax: 600 });
    state.isHanging = true;
    for (let times = 0; times < 500; times++) answer('Sync', failure);
    clock.advance(1_000);
    for (let times = 0; times < 500; times++) answer('Sync', failure);
    expect(recorder.counts).toEqual({ written: 0, lost: 400, waiting: 600 });
    const stopped = recorder.stop();
    clock.advance(2_000);
    await stopped;
  });

  it('survives what it cannot understand', async () => {
    const { recorder, troubles, answer, exchanges } = await rig();
    answer('Sync', { kind: 'wbxml', body: null as unknown as Buffer });
    answer('FolderSync', { kind: 'wbxml', body: Buffer.from('no wbxml') });
    expect([recorder.counts.lost, troubles.length]).toEqual([1, 1]);
    expect(await exchanges()).toMatchObject([{ command: 'FolderSync', status: null, verdicts: [] }]);
  });

  it('counts a Ping that heard nothing, and keeps one that did, from where the log stood at its end', async () => {
    const { recorder, clock, quiet, answer, exchanges } = await rig();
    answer('Ping', statusAnswer('Ping', pingStatus.expired));
    const parked = answer('Ping', statusAnswer('Ping', pingStatus.changed), (trace) => {
      trace.parked();
      clock.advance(600_000);
    });
    expect(parked.asked).toBeUndefined();
    expect(await exchanges()).toMatchObject([
      { command: 'Ping', status: 2, waitedMs: 600_000, durationMs: 600_000, position: 5, verdicts: [], hasBody: false },
    ]);
    await recorder.flush();
    expect(quiet).toMatchObject([{ command: 'Ping', times: 1 }]);
  });

  it('looks at every status of an answer, each by its own table', async () => {
    const { answer, exchanges } = await rig();
    const status = (tag: number, code: number) => el(tag, String(code));
    const moved = el(Move.MoveItems, [el(Move.Response, [status(Move.Status, moveStatus.success)])]);
    const unmoved = el(Move.MoveItems, [el(Move.Response, [status(Move.Status, moveStatus.invalidDestination)])]);
    const policy = el(Provision.Provision, [
      el(Settings.DeviceInformation, [status(Settings.Status, 3)]),
      status(Provision.Status, 1),
      el(Provision.Policies, [el(Provision.Policy, [status(Provision.Status, 5)])]),
    ]);
    for (const [command, tree] of [
      ['MoveItems', moved],
      ['MoveItems', unmoved],
      ['Provision', policy],
    ] as const) {
      answer(command, { kind: 'wbxml', body: encodeTree(tree) });
    }
    answer('FolderSync', statusAnswer('FolderSync', 142));
    expect((await exchanges()).map(({ causes, verdicts, status: root }) => [causes, verdicts, root])).toEqual([
      [[], [], null],
      [['move.invalidDestination'], ['refused'], null],
      [['settings.accessDenied', 'policy.wrongKey'], ['refused'], 1],
      [['common.notProvisioned'], [], 142],
    ]);
  });

  it('names an unexpected error by its name alone: a message may quote what somebody wrote', async () => {
    const { batches, answer, exchanges } = await rig();
    const error = new TypeError('cannot read Torbjørn');
    answer('Sync', statusAnswer('Sync', 5), (trace) => void (trace.error = error));
    expect(await exchanges()).toMatchObject([
      { causes: ['error.TypeError'], verdicts: ['failed'], status: 5, hasBody: true },
    ]);
    expect(JSON.stringify(batches[0]?.exchanges)).not.toContain('Torbjørn');
    expect(Buffer.from(batches[0]?.bodies[0]?.sealed ?? []).includes('Torbjørn')).toBe(false);
  });

  it('calls slow what worked for more than five seconds, not what waited', async () => {
    const { clock, answer, exchanges } = await rig();
    const body = encodeTree(el(Settings.Settings, [el(Settings.Status, '1')]));
    const took = (ms: number, waitedMs: number) =>
      answer('Settings', { kind: 'wbxml', body }, (trace) => {
        clock.advance(ms);
        trace.waitedMs = waitedMs;
      });
    took(5_000, 0);
    took(5_001, 0);
    took(60_000, 59_000);
    expect((await exchanges()).map(({ verdicts }) => verdicts)).toEqual([[], ['slow'], []]);
  });

  it('keeps no more of one device within an hour than its share, and counts the rest', async () => {
    const { clock, quiet, answer, exchanges } = await rig();
    for (let times = 0; times < 3_100; times++) answer('Sync', failure);
    answer('Sync', failure, () => {}, 'other');
    const all = await exchanges();
    expect(all.filter(({ device }) => device === 'phone')).toHaveLength(3_000);
    expect(all.filter(({ device, hasBody }) => device === 'phone' && hasBody)).toHaveLength(60);
    expect(all.filter(({ device, hasBody }) => device === 'other' && hasBody)).toHaveLength(1);
    expect(quiet).toMatchObject([{ device: 'phone', command: 'Sync, beyond its share', times: 100 }]);
    clock.advance(3_600_000);
    answer('Sync', failure);
    expect((await exchanges()).at(-1)).toMatchObject({ device: 'phone', hasBody: true });
  });

  it('tells once of a device that is slowed down, and counts what is turned away after that', async () => {
    const { recorder, quiet, answer, exchanges } = await rig();
    recorder.braked('phone' as DeviceKey, 'stuckKey');
    const braked = (trace: ExchangeTrace) => void (trace.isBraked = true);
    for (let times = 0; times < 10; times++) answer('Sync', failure, braked);
    recorder.braked('phone' as DeviceKey, 'storm');
    answer('Ping', failure, braked);
    expect((await exchanges()).map(({ verdicts, causes, hasBody }) => [verdicts, causes, hasBody])).toEqual([
      [['looping'], ['looping.stuckKey'], true],
      [['storm'], ['storm'], true],
    ]);
    expect(quiet).toMatchObject([{ command: 'Sync, turned away', times: 9 }]);
  });

  it('writes what waits when it stops, and does not wait for a database that does not answer', async () => {
    const good = await rig();
    good.answer('Sync', failure);
    await good.recorder.stop();
    expect(good.batches).toHaveLength(1);
    const hanging = await rig();
    (hanging.recorder as unknown as { flush: () => Promise<void> }).flush = () => new Promise(() => {});
    const stopped = hanging.recorder.stop();
    hanging.clock.advance(2_000);
    await stopped;
  });

  it('writes counts of quiet exchanges every quarter of an hour, an hour in a row of its own', async () => {
    const { recorder, clock, quiet, answer } = await rig();
    await recorder.start();
    for (let minute = 0; minute < 90; minute++) {
      answer('Sync', empty);
      clock.advance(60_000);
      await Promise.resolve();
    }
    await recorder.flush();
    const byHour = Map.groupBy(quiet, ({ hourMs }) => hourMs);
    expect([...byHour.values()].map((some) => some.reduce((sum, { times }) => sum + times, 0))).toEqual([60, 30]);
    expect(quiet.length).toBeGreaterThan(5);
  });
});
