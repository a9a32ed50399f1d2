/** Which other devices of a person one may have been before, so that keys issued to those are good for it. */
import type { Kin } from '../../adapters/activesync/conversation/kin.port.ts';
import { actorOf } from '../../adapters/activesync/session.ts';
import { maySucceed } from '../../domain/device/kin.ts';
import type { DeviceKey } from '../../domain/shared/ids.ts';
import type { DevicesReader } from '../../projections/devices/read.ts';
import type { Devices } from './devices.ts';
import type { Directory } from './directory.ts';

/** Outlook leaves an id behind with every start: the latest of them are looked at. */
const lookedAtMax = 50;
/** Each costs a check of the key, and of these one in a hundred million fits by chance. */
const formerMax = 20;

/** By the events of the person's devices; see `maySucceed` for which may have been the same one. */
export function createKin(options: {
  readonly devices: Pick<Devices, 'run'>;
  readonly directory: Pick<Directory, 'device'>;
  readonly reader: Pick<DevicesReader, 'of'>;
}): Kin {
  const { devices, directory, reader } = options;
  return {
    async formerSelves({ tenant, account, device }) {
      const now = await directory.device(tenant, device);
      if (now.kind !== 'device') return [];
      const rows = (await reader.of(account)).filter((row) => row.device !== device).slice(-lookedAtMax);
      const found: DeviceKey[] = [];
      for (const row of rows.reverse()) {
        const former = await directory.device(tenant, row.device);
        if (former.kind === 'device' && maySucceed(now, former)) found.push(row.device);
        if (found.length === formerMax) break;
      }
      return found;
    },
    async succeed(session, former) {
      const { tenant, account, device } = session;
      await devices.run(tenant, account, device, { type: 'succeed', former }, actorOf(session));
    },
  };
}
