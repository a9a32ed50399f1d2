import { describe, expect, it } from 'vitest';
import type { AccountId, DeviceKey, Instant } from '../shared/ids.ts';
import { type DeviceCommand, decideDevice } from './decide.ts';
import type { DeviceEvent } from './events.ts';
import { standingOf } from './standing.ts';
import { type Device, evolveDevice, unpaired } from './state.ts';

const client = { deviceType: 'iPhone', userAgent: 'Apple-iPhone/1', protocolVersion: '16.1' };
const greet: DeviceCommand = { type: 'greet', account: 'kari1' as AccountId, deviceId: 'APPL1', client };
const paired: DeviceEvent = {
  type: 'DevicePaired',
  version: 1,
  data: { account: 'kari1', deviceId: 'APPL1', ...client },
};
const offered: DeviceEvent = { type: 'PolicyOffered', version: 1, data: { policyKey: '11', policy: 'standard' } };
const acknowledged: DeviceEvent = {
  type: 'PolicyAcknowledged',
  version: 1,
  data: { temporaryKey: '11', policyKey: '22', partially: false },
};
const wipeRequested: DeviceEvent = { type: 'WipeRequested', version: 1, data: { scope: 'account' } };
const wiped: DeviceEvent = { type: 'WipeAcknowledged', version: 1, data: { scope: 'account', done: true } };
const blocked: DeviceEvent = { type: 'DeviceBlocked', version: 1, data: {} };
const unblocked: DeviceEvent = { type: 'DeviceUnblocked', version: 1, data: {} };

const given = (...events: DeviceEvent[]) => {
  const state = events.reduce(evolveDevice, unpaired);
  return {
    state: state as Device,
    when: (command: DeviceCommand) => ({
      accepts: (...expected: DeviceEvent[]) =>
        expect(decideDevice(state, command)).toEqual({ kind: 'accepted', events: expected }),
      refuses: (reason: string) => expect(decideDevice(state, command)).toEqual({ kind: 'refused', reason }),
    }),
  };
};

describe('a device', () => {
  it('pairs with its first request and writes nothing with the next ones', () => {
    given().when(greet).accepts(paired);
    given(paired).when(greet).accepts();
  });

  it('tells of an upgrade once', () => {
    const upgraded = { ...client, userAgent: 'Apple-iPhone/2' };
    const changed: DeviceEvent = { type: 'DeviceClientChanged', version: 1, data: upgraded };
    given(paired)
      .when({ ...greet, client: upgraded })
      .accepts(changed);
    given(paired, changed)
      .when({ ...greet, client: upgraded })
      .accepts();
  });

  it('notes once whose keys it came with, and the next one where there are several', () => {
    const succeed: DeviceCommand = { type: 'succeed', former: 'phone1' as DeviceKey };
    const succeeded: DeviceEvent = { type: 'DeviceSucceeded', version: 1, data: { former: 'phone1' } };
    given(paired).when(succeed).accepts(succeeded);
    given(paired, succeeded).when(succeed).accepts();
    const next: DeviceEvent = { type: 'DeviceSucceeded', version: 1, data: { former: 'phone2' } };
    given(paired, succeeded)
      .when({ type: 'succeed', former: 'phone2' as DeviceKey })
      .accepts(next);
    given().when(succeed).refuses('unknown');
  });

  it('of one person is not that of another', () => {
    given(paired)
      .when({ ...greet, account: 'ola1' as AccountId })
      .refuses('otherAccount');
  });

  it('informs of itself once', () => {
    const information = { model: 'iPhone17', os: 'iOS 20' };
    given(paired)
      .when({ type: 'inform', information })
      .accepts({ type: 'DeviceInformationChanged', version: 1, data: information });
    given(paired, { type: 'DeviceInformationChanged', version: 1, data: information })
      .when({ type: 'inform', information: { os: 'iOS 20', model: 'iPhone17' } })
      .accepts();
  });

  it('acknowledges what was offered, in two phases', () => {
    given(paired).when({ type: 'offerPolicy', policy: 'standard', policyKey: '11' }).accepts(offered);
    given(paired, offered)
      .when({ type: 'acknowledgePolicy', temporaryKey: '11', policyKey: '22', status: 1 })
      .accepts(acknowledged);
  });

  it('that repeats its acknowledgement, having lost the answer, keeps the first key', () => {
    const repeat = given(paired, offered, acknowledged);
    repeat.when({ type: 'acknowledgePolicy', temporaryKey: '11', policyKey: '33', status: 1 }).accepts();
    expect(repeat.state.accepted?.policyKey).toBe('22');
  });

  it('cannot acknowledge what was not offered, nor what it did not apply', () => {
    const command = { type: 'acknowledgePolicy', policyKey: '22', status: 1 } as const;
    given(paired)
      .when({ ...command, temporaryKey: '11' })
      .refuses('wrongPolicyKey');
    given(paired, offered)
      .when({ ...command, temporaryKey: '12' })
      .refuses('wrongPolicyKey');
    given(paired, offered)
      .when({ ...command, temporaryKey: '11', status: 3 })
      .refuses('policyNotApplied');
  });

  it('is wiped when asked, and confirms it once', () => {
    given(paired).when({ type: 'requestWipe', scope: 'account' }).accepts(wipeRequested);
    given(paired, wipeRequested).when({ type: 'requestWipe', scope: 'account' }).accepts();
    given(paired, wipeRequested).when({ type: 'acknowledgeWipe', done: true }).accepts(wiped);
    given(paired, wipeRequested, wiped).when({ type: 'acknowledgeWipe', done: true }).accepts();
    given(paired).when({ type: 'acknowledgeWipe', done: true }).refuses('wipeNotRequested');
  });

  it('that could not wipe itself is asked again', () => {
    const failed: DeviceEvent = { type: 'WipeAcknowledged', version: 1, data: { scope: 'account', done: false } };
    given(paired, wipeRequested).when({ type: 'acknowledgeWipe', done: false }).accepts(failed);
    expect(standingOf(given(paired, wipeRequested, failed).state, 'none', undefined).kind).toBe('wipe');
  });

  it('is not wiped when the request is cancelled in time', () => {
    const cancelled: DeviceEvent = { type: 'WipeCancelled', version: 1, data: {} };
    given(paired, wipeRequested).when({ type: 'cancelWipe' }).accepts(cancelled);
    given(paired, wipeRequested, wiped).when({ type: 'cancelWipe' }).accepts();
    expect(given(paired, wipeRequested, cancelled).state.wipe.kind).toBe('none');
  });

  it('is watched until the time last asked for, and no longer when that is taken back', () => {
    const watched = (until: string): DeviceEvent => ({ type: 'DeviceWatched', version: 1, data: { until } });
    const ended: DeviceEvent = { type: 'DeviceWatchEnded', version: 1, data: {} };
    const [soon, later] = ['2026-11-22T20:00:00.000Z', '2026-11-22T22:00:00.000Z'] as [Instant, Instant];
    given(paired).when({ type: 'watch', until: soon }).accepts(watched(soon));
    given(paired, watched(soon)).when({ type: 'watch', until: soon }).accepts();
    given(paired, watched(soon)).when({ type: 'watch', until: later }).accepts(watched(later));
    expect(given(paired, watched(soon), watched(later)).state.watchedUntil).toBe(later);
    given(paired, watched(soon)).when({ type: 'endWatch' }).accepts(ended);
    given(paired, watched(soon), ended).when({ type: 'endWatch' }).accepts();
    given().when({ type: 'watch', until: soon }).refuses('unknown');
  });

  it('removed is as one never seen', () => {
    const removed: DeviceEvent = { type: 'DeviceRemoved', version: 1, data: {} };
    given(paired, blocked).when({ type: 'remove' }).accepts(removed);
    given(paired, removed).when(greet).accepts(paired);
    given(paired, removed).when({ type: 'remove' }).accepts();
    given(paired, removed).when({ type: 'block' }).refuses('unknown');
  });
});

describe('the standing of a device', () => {
  it('is welcome without any key where no policy is asked for', () => {
    expect(standingOf(given(paired).state, 'none', undefined)).toEqual({ kind: 'welcome' });
  });

  it('needs the policy accepted, in the version asked for, and the key to show it', () => {
    expect(standingOf(given(paired).state, 'standard', '22').kind).toBe('notProvisioned');
    expect(standingOf(given(paired, offered).state, 'standard', '11').kind).toBe('notProvisioned');
    const { state } = given(paired, offered, acknowledged);
    expect(standingOf(state, 'standard', '22').kind).toBe('welcome');
    expect(standingOf(state, 'standard', '0').kind).toBe('notProvisioned');
    expect(standingOf(state, 'standard', '23').kind).toBe('invalidPolicyKey');
    expect(standingOf(state, 'strict', '22').kind).toBe('policyRefresh');
  });

  it('keeps a working policy while a new offer waits for its acknowledgement', () => {
    const { state } = given(paired, offered, acknowledged, offered);
    expect(standingOf(state, 'standard', '22').kind).toBe('welcome');
  });

  it('is blocked after a wipe until someone lets it in again', () => {
    const done = given(paired, offered, acknowledged, wipeRequested, wiped);
    expect(standingOf(done.state, 'none', undefined)).toEqual({ kind: 'blocked', because: 'wiped' });
    done.when({ type: 'unblock' }).accepts(unblocked);
    expect(standingOf(evolveDevice(done.state, unblocked) as Device, 'none', undefined).kind).toBe('welcome');
  });

  it('is blocked and unblocked, once each', () => {
    given(paired).when({ type: 'block' }).accepts(blocked);
    given(paired, blocked).when({ type: 'block' }).accepts();
    expect(standingOf(given(paired, blocked).state, 'none', undefined)).toEqual({
      kind: 'blocked',
      because: 'blocked',
    });
    given(paired, blocked).when({ type: 'unblock' }).accepts(unblocked);
    given(paired).when({ type: 'unblock' }).accepts();
  });
});
