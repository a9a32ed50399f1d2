import { type Kysely, sql } from 'kysely';
import type { AccountId, DeviceKey, Instant, TenantId } from '../../domain/shared/ids.ts';
import type { AnyDatabase } from '../runner/projection.ts';
import type { DeviceViewTable, DeviceWatchTable } from './table.ts';

export interface DeviceRow {
  readonly device: DeviceKey;
  readonly deviceId: string;
  readonly pairedAt: Date;
}

export interface WatchedDevice {
  readonly device: DeviceKey;
  readonly tenant: TenantId;
  readonly account: AccountId;
  readonly deviceId: string;
  readonly until: Instant;
}

export class DevicesReader {
  readonly #db: Kysely<AnyDatabase>;

  constructor(db: Kysely<AnyDatabase>) {
    this.#db = db;
  }

  /** The devices of an account, the oldest first, at most 1,000. */
  async of(account: AccountId): Promise<DeviceRow[]> {
    const { rows } = await sql<DeviceViewTable>`
      select * from device_view where account = ${account} order by paired_at, device limit 1000
    `.execute(this.#db);
    return rows.map((row) => ({ device: row.device, deviceId: row.device_id, pairedAt: row.paired_at }));
  }

  /** Devices under watch at the instant, those first whose watch ends first, at most 1,000. */
  async watched(at: Instant): Promise<WatchedDevice[]> {
    const { rows } = await sql<DeviceWatchTable & Pick<DeviceViewTable, 'account' | 'device_id'>>`
      select w.device, w.tenant, w.until, d.account, d.device_id
      from device_watch w join device_view d using (device)
      where w.until > ${at} order by w.until, w.device limit 1000
    `.execute(this.#db);
    return rows.map(({ device, tenant, until, account, device_id }) => ({
      ...{ device, tenant, account, deviceId: device_id, until: until.toISOString() as Instant },
    }));
  }
}
