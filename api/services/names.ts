/** What people and devices are called, for listings that tell of their ids. */
import type { AccountId, DeviceKey, TenantId } from '../../domain/shared/ids.ts';
import type { Directory } from './directory.ts';

/** Whose something was; null where the person or the device is gone. */
export interface Whose {
  readonly email: string | null;
  readonly deviceId: string | null;
}

export class Names {
  readonly #directory: Pick<Directory, 'account' | 'device'>;

  constructor(directory: Pick<Directory, 'account' | 'device'>) {
    this.#directory = directory;
  }

  /** The address; undefined for one that was removed. */
  async person(tenant: TenantId, account: AccountId): Promise<string | undefined> {
    const state = await this.#directory.account(tenant, account);
    return state.kind === 'account' ? state.email : undefined;
  }

  /** The DeviceId as the device wrote it; undefined for one that was removed. */
  async device(tenant: TenantId, device: DeviceKey): Promise<string | undefined> {
    const state = await this.#directory.device(tenant, device);
    return state.kind === 'device' ? state.deviceId : undefined;
  }

  /** Both of them at once. */
  async whose(of: {
    readonly tenant: TenantId;
    readonly account: AccountId;
    readonly device: DeviceKey;
  }): Promise<Whose> {
    const [email, deviceId] = await Promise.all([
      this.person(of.tenant, of.account),
      this.device(of.tenant, of.device),
    ]);
    return { email: email ?? null, deviceId: deviceId ?? null };
  }
}
