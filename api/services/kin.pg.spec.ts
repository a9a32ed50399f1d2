import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../adapters/activesync/session.ts';
import { deviceKeyFrom } from '../../adapters/ids.ts';
import type { DeviceClient } from '../../domain/device/events.ts';
import type { AccountId } from '../../domain/shared/ids.ts';
import { startTestShell, type TestShell, testToken } from '../../test/shell.ts';
import type { Person } from './directory.ts';
import { createKin } from './kin.ts';

let shell: TestShell;
let people = 0;
beforeAll(async () => {
  shell = await startTestShell();
});
afterAll(() => shell.close());

const outlook: DeviceClient = {
  deviceType: 'WindowsOutlook15',
  userAgent: 'Outlook/15.0 (x64)',
  protocolVersion: '14.1',
};
const iphone: DeviceClient = { deviceType: 'iPhone', userAgent: 'Apple-iPhone14C2/2001.1', protocolVersion: '16.1' };

async function person(): Promise<Person> {
  const outcome = await shell.accounts.create({ email: `kari${++people}@kin.example`, password: 'p' });
  if (outcome.kind !== 'done') throw new Error(outcome.kind);
  return outcome.person;
}
async function pair(who: Person, deviceId: string, client: DeviceClient): Promise<Session> {
  const { tenant, account } = who;
  const device = deviceKeyFrom(account.id, deviceId);
  const greeting = { type: 'greet', account: account.id, deviceId, client } as const;
  await shell.devices.run(tenant, account.id, device, greeting, { kind: 'device', account: account.id, device });
  return { tenant, account: account.id, device } as Session;
}
const kinOf = (...all: Person[]) =>
  createKin({
    devices: shell.devices,
    directory: shell.directory,
    reader: {
      of: async (account: AccountId) => {
        const paired = await shell.devices.of(all.find((one) => one.account.id === account) as Person);
        return paired.map(({ key, pairedAt, device }) => ({ device: key, pairedAt, deviceId: device.deviceId }));
      },
    },
  });
/** The read model shows that many. */
async function shows(who: Person, count: number): Promise<void> {
  while ((await shell.devices.of(who)).length < count) await new Promise(setImmediate);
}

describe('whom a device may have been before', () => {
  it('is another of the same person and sort, the latest first', async () => {
    const [kari, ola] = [await person(), await person()];
    const former = await pair(kari, 'A', outlook);
    const later = await pair(kari, 'B', { ...outlook, userAgent: 'Outlook/16.0 (x64)' });
    await pair(kari, 'PHONE', iphone);
    await pair(ola, 'A', outlook);
    const now = await pair(kari, 'C', outlook);
    await shows(kari, 4);
    const found = await kinOf(kari, ola).formerSelves(now);
    expect(found.toSorted()).toEqual([former.device, later.device].toSorted());
  });

  it('is none that was blocked: its keys are good for nobody', async () => {
    const kari = await person();
    await pair(kari, 'A', outlook);
    const now = await pair(kari, 'B', outlook);
    await shows(kari, 2);
    expect(await kinOf(kari).formerSelves(now)).toHaveLength(1);
    await shell.devices.administer(kari, 'A', { type: 'block' }, { kind: 'admin' });
    expect(await kinOf(kari).formerSelves(now)).toEqual([]);
  });

  it('is listed with the devices, both ways', async () => {
    const kari = await person();
    const former = await pair(kari, 'A', outlook);
    const now = await pair(kari, 'B', outlook);
    await shows(kari, 2);
    const kin = kinOf(kari);
    await kin.succeed(now, former.device);
    await kin.succeed(now, former.device);
    const listed = await shell.app.inject({
      url: `/admin/accounts/${kari.account.email}/devices`,
      headers: { authorization: `Bearer ${testToken}` },
    });
    const devices = listed.json().devices as { deviceId: string; former: string | null; successors: string[] }[];
    expect(devices.map(({ deviceId, former, successors }) => [deviceId, former, successors]).toSorted()).toEqual([
      ['A', null, ['B']],
      ['B', 'A', []],
    ]);
  });
});
