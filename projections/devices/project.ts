import { sql } from 'kysely';
import { idOfStream } from '../../domain/account/stream.ts';
import type { DeviceEvent } from '../../domain/device/events.ts';
import type { AccountId, DeviceKey, Position } from '../../domain/shared/ids.ts';
import type { Projection } from '../runner/projection.ts';
import { devicesMigration } from './table.ts';

interface Pairing {
  readonly account: AccountId;
  readonly deviceId: string;
  readonly at: string;
}

/** What must hear of a block or a wipe, like a parked Ping, listens to this topic. */
export const deviceTopic = (device: DeviceKey) => `device/${device}`;

export function devicesView(): Projection {
  return {
    name: 'devices',
    version: 1,
    migrations: [devicesMigration],
    async project(page) {
      /** The last word on each device: null is gone. */
      const pairings = new Map<DeviceKey, Pairing | null>();
      const touched = new Map<string, readonly Position[]>();
      for (const recorded of page.events) {
        const device = idOfStream(recorded.stream, 'device');
        if (!device) continue;
        touched.set(deviceTopic(device), [recorded.position]);
        const event = { type: recorded.type, data: recorded.data } as DeviceEvent;
        if (event.type === 'DevicePaired') {
          const { account, deviceId } = event.data;
          pairings.set(device, { account: account as AccountId, deviceId, at: recorded.meta.at });
        }
        if (event.type === 'DeviceRemoved' || recorded.type === 'Forgotten') pairings.set(device, null);
      }
      if (pairings.size > 0) {
        const present = [...pairings].flatMap(([device, pairing]) => (pairing ? [{ device, ...pairing }] : []));
        const gone = [...pairings].flatMap(([device, pairing]) => (pairing ? [] : [device]));
        page.later(sql`delete from device_view where device = any(${gone}::text[])`);
        page.later(sql`
          insert into device_view (device, account, tenant, device_id, paired_at)
          select n.device, n.account, ${page.tenant}, n.device_id, n.at
          from unnest(
            ${present.map((row) => row.device)}::text[],
            ${present.map((row) => row.account)}::text[],
            ${present.map((row) => row.deviceId)}::text[],
            ${present.map((row) => row.at)}::timestamptz[]) as n(device, account, device_id, at)
          on conflict (device) do update set account = excluded.account, tenant = excluded.tenant,
            device_id = excluded.device_id, paired_at = excluded.paired_at`);
      }
      return touched.size > 0 ? touched : undefined;
    },
  };
}
