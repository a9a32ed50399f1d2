/** Which devices an account has. What a device says of itself stays in its sealed stream. */
import { sql } from 'kysely';
import type { AccountId, DeviceKey, TenantId } from '../../domain/shared/ids.ts';
import type { Migration } from '../runner/projection.ts';

export interface DeviceViewTable {
  device: DeviceKey;
  account: AccountId;
  tenant: TenantId;
  device_id: string;
  paired_at: Date;
}

/** Devices whose exchanges are kept in full until a time, which may be over. */
export interface DeviceWatchTable {
  device: DeviceKey;
  tenant: TenantId;
  until: Date;
}

export const deviceWatchMigration: Migration = {
  name: '0121_device_watch',
  async up(db) {
    await sql`
      create table device_watch (
        device text primary key,
        tenant text not null,
        until timestamptz not null
      )`.execute(db);
  },
};

export const devicesMigration: Migration = {
  name: '0120_devices',
  async up(db) {
    await sql`
      create table device_view (
        device text primary key,
        account text not null,
        tenant text not null,
        device_id text not null,
        paired_at timestamptz not null
      )`.execute(db);
    await sql`create index device_view_by_account on device_view (account, paired_at, device)`.execute(db);
  },
};
