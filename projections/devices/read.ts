import { type Kysely, sql } from 'kysely';
import type { AccountId, DeviceKey } from '../../domain/shared/ids.ts';
import type { AnyDatabase } from '../runner/projection.ts';
import type { DeviceViewTable } from './table.ts';

export interface DeviceRow {
  readonly device: DeviceKey;
  readonly deviceId: string;
  readonly pairedAt: Date;
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
}
