import type { TenantId } from '../../domain/shared/ids.ts';
import { ItemCommands, type ItemRequest, type ItemResult } from '../items/item-commands.ts';
import type { CarriedOut } from './port.ts';

/** Commands on items that remember what they were asked and what became of it. */
export class WatchedItems extends ItemCommands {
  readonly #seen = new Map<string, CarriedOut>();

  /** Also what was only prepared. */
  get seen(): readonly CarriedOut[] {
    return [...this.#seen.values()];
  }

  override async execute(tenant: TenantId, requests: readonly ItemRequest[]): Promise<ItemResult[]> {
    return this.#note(requests, await super.execute(tenant, requests));
  }

  override async prepare(
    tenant: TenantId,
    requests: readonly ItemRequest[],
  ): ReturnType<InstanceType<typeof ItemCommands>['prepare']> {
    const prepared = await super.prepare(tenant, requests);
    if (prepared) this.#note(requests, prepared.results);
    return prepared;
  }

  /** Decided more than once, the last time counts. */
  #note(requests: readonly ItemRequest[], results: ItemResult[]): ItemResult[] {
    for (const [index, request] of requests.entries()) {
      const name = `${request.commandId}/${request.item}`;
      this.#seen.set(name, { request, result: results[index] as ItemResult });
    }
    return results;
  }
}
