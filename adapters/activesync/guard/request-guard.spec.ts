import { beforeEach, describe, expect, it } from 'vitest';
import type { Device, DeviceState } from '../../../domain/device/state.ts';
import type { AccountId, DeviceKey, TenantId, TimeZoneName } from '../../../domain/shared/ids.ts';
import { el } from '../../../test/eas-client/elements.ts';
import type { CommandName } from '../http/command-names.ts';
import type { Session } from '../session.ts';
import { AirSync, FolderHierarchy, ItemOperations, Ping } from '../wbxml/code-pages/index.ts';
import type { Element } from '../wbxml/element.ts';
import { encodeTree } from '../wbxml/writer.ts';
import type { Brake } from './brake.ts';
import { type Refused, RequestGuard } from './request-guard.ts';

let nowMs: number;
let guard: RequestGuard;
let told: Brake[];

beforeEach(() => {
  nowMs = Date.parse('2026-03-02T08:00:00.000Z');
  told = [];
  guard = new RequestGuard({ nowMs: () => nowMs, onBraked: (brake) => told.push(brake) });
});

const session = (device = 'phone', account = 'kari'): Session => ({
  tenant: 'demo.example' as TenantId,
  account: account as AccountId,
  email: `${account}@demo.example`,
  displayName: undefined,
  timeZone: 'Europe/Oslo' as TimeZoneName,
  device: device as DeviceKey,
  deviceId: device.toUpperCase(),
  version: 161,
});
const seconds = (count: number): void => {
  nowMs += count * 1_000;
};

function ask(command: CommandName, root?: Element, who = session()): Refused | undefined {
  return guard.ask(who, command, root && encodeTree(root), root);
}
interface Part {
  readonly folder?: string;
  readonly key: string;
  /** What is sent along. */
  readonly word?: string;
}
const sync = (...parts: Part[]): Element =>
  el(AirSync.Sync, [
    el(
      AirSync.Collections,
      parts.map(({ folder = 'contacts', key, word }) =>
        el(AirSync.Collection, [
          el(AirSync.SyncKey, key),
          el(AirSync.CollectionId, folder),
          ...(word ? [el(AirSync.Commands, [el(AirSync.Delete, [el(AirSync.ServerId, word)])])] : []),
        ]),
      ),
    ),
  ]);
const ping = el(Ping.Ping, [el(Ping.HeartbeatInterval, '900'), el(Ping.Folders, [el(Ping.Folder, 'contacts')])]);
const folderSync = (key: string): Element => el(FolderHierarchy.FolderSync, [el(FolderHierarchy.SyncKey, key)]);
const fetchOf = (item: string): Element =>
  el(ItemOperations.ItemOperations, [el(ItemOperations.Fetch, [el(AirSync.ServerId, item)])]);
const unpaired: DeviceState = { kind: 'unpaired' };
const former = { kind: 'device', former: 'old' } as unknown as Device;

/** How many of so many requests are turned away. */
function refusedOf(count: number, request: (nth: number) => Refused | undefined, everySeconds = 0): number {
  let refused = 0;
  for (let nth = 0; nth < count; nth++) {
    if (request(nth)) refused++;
    seconds(everySeconds);
  }
  return refused;
}

describe('an ordinary phone is never braked', () => {
  it('when its Ping ends and begins again for a day', () => {
    expect(refusedOf(96, () => ask('Ping', ping), 900)).toBe(0);
  });

  it('when the office changes much and every Ping is answered at once', () => {
    let key = 1;
    const round = () =>
      ask('Ping', ping) ?? ask('Sync', sync({ key: String(key++) })) ?? ask('Sync', sync({ key: String(key) }));
    expect(refusedOf(500, round, 0.2)).toBe(0);
  });

  it('when it syncs ten folders after each other, every minute, and together', () => {
    const folders = Array.from({ length: 10 }, (_, nth) => `folder${nth}`);
    const round = () => {
      for (const folder of folders) {
        const refused = ask('Sync', sync({ folder, key: '7' }));
        if (refused) return refused;
      }
      return ask('Sync', sync(...folders.map((folder) => ({ folder, key: '7' }))));
    };
    expect(refusedOf(60, round, 60)).toBe(0);
  });

  it('when one of its folders moves and the others rest', () => {
    const parts = (nth: number) => [
      { folder: 'notes', key: '3' },
      { folder: 'contacts', key: String(nth + 1) },
    ];
    expect(refusedOf(2_000, (nth) => ask('Sync', sync(...parts(nth))), 0.02)).toBe(0);
  });

  it('when it fetches five thousand items one by one', () => {
    expect(ask('FolderSync', folderSync('0'))).toBeUndefined();
    expect(ask('Sync', sync({ key: '0' }))).toBeUndefined();
    expect(refusedOf(5_000, (nth) => ask('Sync', sync({ key: String(nth + 1) })), 0.03)).toBe(0);
  });

  it('when it reads a thousand bodies one by one', () => {
    expect(refusedOf(1_000, (nth) => ask('ItemOperations', fetchOf(`item${nth}`)), 0.05)).toBe(0);
  });

  it('when it loses its answers and tries again, with more to say each time', () => {
    for (let nth = 0; nth < 8; nth++) {
      expect(refusedOf(3, () => ask('Sync', sync({ key: '5', word: `a${nth}` })), 5)).toBe(0);
    }
    expect(ask('Sync', sync({ key: '6' }))).toBeUndefined();
  });

  it('when it sends two thousand changes in batches of ten', () => {
    expect(refusedOf(200, (nth) => ask('Sync', sync({ key: String(nth + 1), word: `batch${nth}` })), 0.2)).toBe(0);
  });

  it('when its person pulls the list again and again', () => {
    expect(refusedOf(15, () => ask('Sync', sync({ key: '5' })), 2)).toBe(0);
  });

  it('when it has another heartbeat each time', () => {
    const waiting = (wait: number) =>
      el(AirSync.Sync, [...sync({ key: '5' }).children, el(AirSync.HeartbeatInterval, String(wait))]);
    expect(refusedOf(100, (nth) => ask('Sync', waiting(60 + nth)), 60)).toBe(0);
  });

  it('when it is set up three times in a row, with five folders', () => {
    const setUp = () => {
      for (const folder of ['a', 'b', 'c', 'd', 'e']) {
        const refused = ask('Sync', sync({ folder, key: '0' })) ?? ask('Sync', sync({ folder, key: '1' }));
        if (refused) return refused;
      }
      return ask('FolderSync', folderSync('0'));
    };
    expect(refusedOf(3, setUp, 30)).toBe(0);
  });
});

describe('a phone that loops', () => {
  it('with the same request is braked for it, and for nothing else', () => {
    expect(refusedOf(20, () => ask('Sync', sync({ key: '5' })), 1)).toBe(0);
    expect(ask('Sync', sync({ key: '5' }))).toEqual({ seconds: 30, throttle: 'RecentCommands' });
    expect(ask('Sync', sync({ folder: 'notes', key: '9' }))).toBeUndefined();
    expect(ask('Ping', ping)).toBeUndefined();
    expect(told).toMatchObject([{ reason: 'repeated', scope: 'Sync', times: 1, device: 'phone', deviceId: 'PHONE' }]);
  });

  it('is let go when it gets on, and for longer each time when it does not', () => {
    const again = () => ask('Sync', sync({ key: '5' }));
    const waits: number[] = [];
    for (let nth = 0; nth < 600 && waits.length < 8; nth++) {
      const refused = again();
      if (refused) {
        waits.push(refused.seconds);
        seconds(refused.seconds);
      } else seconds(0.5);
    }
    expect(waits).toEqual([30, 60, 120, 240, 480, 900, 900, 900]);
    expect(ask('Sync', sync({ key: '6' }))).toBeUndefined();
    seconds(3_600);
    expect(guard.list()).toEqual([]);
    expect(refusedOf(20, again, 1)).toBe(0);
    expect(again()?.seconds).toBe(30);
  });

  it('between Ping and Sync, which tell it nothing, is braked in both', () => {
    expect(refusedOf(30, () => ask('Ping', ping) ?? ask('Sync', sync({ key: '5' })), 0.1)).toBeGreaterThan(0);
    expect(new Set(told.map(({ scope }) => scope)).has('Ping')).toBe(true);
  });

  it('with changes under a key that does not move is braked in that folder, until the key moves', () => {
    const stuck = (nth: number) => ask('Sync', sync({ key: '5', word: `x${nth}` }));
    expect(refusedOf(10, stuck, 20)).toBe(0);
    expect(stuck(11)).toEqual({ seconds: 30, throttle: 'RecentSyncs' });
    expect(told).toMatchObject([{ reason: 'stuckKey', scope: 'contacts' }]);
    expect(ask('Sync', sync({ folder: 'notes', key: '5', word: 'x' }))).toBeUndefined();
    expect(ask('Sync', sync({ key: '6', word: 'y' }))).toBeUndefined();
  });

  it('and begins a folder anew again and again is braked in that folder', () => {
    const begin = (nth: number) => ask('Sync', sync({ key: '0' })) ?? ask('Sync', sync({ key: `${nth}1` }));
    expect(refusedOf(8, begin, 10)).toBe(0);
    expect(begin(9)).toEqual({ seconds: 30, throttle: 'RecentSyncs' });
    expect(ask('Sync', sync({ folder: 'notes', key: '0' }))).toBeUndefined();
    expect(told).toMatchObject([{ reason: 'beginsAnew', scope: 'contacts' }]);
    expect(refusedOf(9, () => ask('FolderSync', folderSync('0')), 10)).toBe(1);
    expect(told.at(-1)).toMatchObject({ reason: 'beginsAnew', scope: 'folders' });
  });

  it('can still be wiped', () => {
    refusedOf(3_000, () => ask('Sync', sync({ key: '5' })));
    expect(ask('Sync', sync({ key: '5' }))).toBeDefined();
    expect(refusedOf(100, () => ask('Provision'))).toBe(0);
  });
});

describe('a storm', () => {
  it('of a device is braked as a whole, and ends by itself', () => {
    let nth = 0;
    const flood = () => ask('ItemOperations', fetchOf(`item${nth++}`));
    expect(refusedOf(6_100, flood, 0.005)).toBeGreaterThan(0);
    expect(told).toMatchObject([{ reason: 'storm', scope: '' }]);
    expect(ask('Ping', ping)).toMatchObject({ throttle: 'CommandFrequency' });
    expect(ask('Ping', ping, session('tablet'))).toBeUndefined();
    seconds(120);
    expect(ask('Ping', ping)).toBeUndefined();
    expect(guard.list()).toMatchObject([{ reason: 'storm', times: 1 }]);
    seconds(3_600);
    expect(guard.list()).toEqual([]);
  });

  it('of new devices of an account leaves those that are known alone, and other accounts', () => {
    const meet = (nth: number) => guard.meet(session(`new${nth}`), unpaired);
    expect(refusedOf(10, meet, 60)).toBe(0);
    expect(meet(10)).toMatchObject({ throttle: 'CommandFrequency' });
    expect(meet(3)).toBeDefined();
    expect(guard.meet(session('known'), { kind: 'device' } as Device)).toBeUndefined();
    expect(guard.meet(session('olas', 'ola'), unpaired)).toBeUndefined();
    expect(told).toMatchObject([{ reason: 'newDevices', account: 'kari' }]);
    seconds(3_600);
    expect(meet(11)).toBeUndefined();
  });

  it('of devices that are recognised as old ones is none', () => {
    for (let nth = 0; nth < 50; nth++) {
      expect(guard.meet(session(`new${nth}`), unpaired)).toBeUndefined();
      expect(guard.meet(session(`new${nth}`), former)).toBeUndefined();
    }
  });

  it('is shown to those who ask for the person', () => {
    refusedOf(50, () => ask('Ping', ping), 0.1);
    const [brake, ...others] = guard.list({ tenant: 'demo.example' as TenantId, account: 'kari' as AccountId });
    expect(brake).toMatchObject({ reason: 'repeated', times: 1, refused: 30 });
    expect(others).toEqual([]);
    expect(guard.list({ tenant: 'demo.example' as TenantId, account: 'ola' as AccountId })).toEqual([]);
    expect(guard.list({ tenant: 'other.example' as TenantId, account: 'kari' as AccountId })).toEqual([]);
  });
});

describe('a limit of 0', () => {
  it('is none', () => {
    const limits = { requestsPerMinute: 0, repeatsPerMinute: 0, newDevicesPerHour: 0 };
    guard = new RequestGuard({ nowMs: () => nowMs, limits });
    expect(refusedOf(20_000, () => ask('Ping', ping))).toBe(0);
    expect(refusedOf(100, (nth) => guard.meet(session(`new${nth}`), unpaired))).toBe(0);
  });
});

describe('what is remembered', () => {
  it('is bounded, whatever a device sends', () => {
    const parts = Array.from({ length: 300 }, (_, nth) => ({ folder: `f${nth}`.repeat(500), key: '1'.repeat(5_000) }));
    for (let nth = 0; nth < 200; nth++) ask('Sync', sync(...parts, { folder: `g${nth}`, key: '1' }));
    expect(ask('Sync', sync({ key: '5' }))).toBeUndefined();
  });
});
