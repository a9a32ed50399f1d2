/** Where an item is, asked for a person's device. */
import type { ExchangeRecorder } from '../../adapters/exchange-record/recorder.ts';
import type { Whereabouts, WhereaboutsFinder } from '../../adapters/whereabouts/whereabouts.ts';
import type { DeviceKey, ItemId, TenantId } from '../../domain/shared/ids.ts';
import type { Directory, Person } from './directory.ts';

export interface WhereaboutsServiceOptions {
  readonly finder: WhereaboutsFinder;
  readonly directory: Pick<Directory, 'device'>;
  readonly recorder: Pick<ExchangeRecorder, 'flush'>;
  readonly settled: (tenant: TenantId) => Promise<void>;
}

export class WhereaboutsService {
  readonly #options: WhereaboutsServiceOptions;

  constructor(options: WhereaboutsServiceOptions) {
    this.#options = options;
  }

  /** @param deviceId as it was asked for; told back where the person has no such device. */
  async of({ tenant, account }: Person, key: DeviceKey, deviceId: string, item: ItemId): Promise<Whereabouts> {
    const { finder, directory, recorder, settled } = this.#options;
    await Promise.all([settled(tenant), recorder.flush()]);
    const state = await directory.device(tenant, key);
    return await finder.of(item, { tenant, account, key, deviceId, state });
  }
}
