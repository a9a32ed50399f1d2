import { sql } from 'kysely';
import { idOfStream } from '../../domain/account/stream.ts';
import type { DeviceEvent } from '../../domain/device/events.ts';
import type { AccountId, DeviceKey, Position } from '../../domain/shared/ids.ts';
import type { Page, Projection } from '../runner/projection.ts';
import { devicesMigration, deviceWatchMigration } from './table.ts';

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
    migrations: [devicesMigration, deviceWatchMigration],
    async project(page) {
      /** The last word on each device: null is gone. */
      const pairings = new Map<DeviceKey, Pairing | null>();
      /** Until when each device is watched: null is not any more. */
      const watches = new Map<DeviceKey, string | null>();
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
        if (event.type === 'DeviceRemoved' || recorded.type === 'Forgotten') {
          pairings.set(device, null);
          watches.set(device, null);
        }
        if (event.type === 'DeviceWatched') watches.set(device, event.data.until);
        if (event.type === 'DeviceWatchEnded') watches.set(device, null);
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
      writeWatches(page, watches);
      return touched.size > 0 ? touched : undefined;
    },
  };
}

function writeWatches(page: Page, watches: ReadonlyMap<DeviceKey, string | null>): void {
  if (watches.size === 0) return;
  const over = [...watches].flatMap(([device, until]) => (until === null ? [device] : []));
  const on = [...watches].flatMap(([device, until]) => (until === null ? [] : [{ device, until }]));
  page.later(sql`delete from device_watch where device = any(${over}::text[])`);
  page.later(sql`
    insert into device_watch (device, tenant, until)
    select n.device, ${page.tenant}, n.until
    from unnest(${on.map(({ device }) => device)}::text[], ${on.map(({ until }) => until)}::timestamptz[])
      as n(device, until)
    on conflict (device) do update set until = excluded.until`);
}
