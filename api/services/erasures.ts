/** Erasing as administrators ask for it: a person by address, an item by its id. */
import { randomUUID } from 'node:crypto';
import type { Erasure, ErasureOutcome, ErasureRecord, Why } from '../../adapters/erasure/erasure.ts';
import type { EventStore } from '../../adapters/event-log/event-store.port.ts';
import { runCommand } from '../../adapters/event-log/run-command.ts';
import { accountIdFrom, commandIdFrom, tenantOf } from '../../adapters/ids.ts';
import { accountDecider } from '../../domain/account/decide.ts';
import { accountStream } from '../../domain/account/stream.ts';
import type { Actor, Cause } from '../../domain/shared/event.ts';
import type { AccountId, Instant, ItemId, TenantId } from '../../domain/shared/ids.ts';
import { accountSubject, itemSubject } from '../../domain/shared/streams.ts';
import type { ItemLogReader } from '../../projections/item-log/read.ts';
import type { Directory } from './directory.ts';

export interface ErasuresOptions {
  readonly erasure: Erasure;
  readonly store: EventStore;
  readonly itemLog: Pick<ItemLogReader, 'locate'>;
}

export type ErasureTarget = { readonly person: string } | { readonly item: ItemId };

const maxGenerations = 1_000;

export class Erasures {
  readonly #options: ErasuresOptions;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ErasuresOptions) {
    this.#options = options;
  }

  /** How much would go; undefined when there is nothing to erase. */
  async sizeOf(target: ErasureTarget): Promise<{ items: number; events: number } | undefined> {
    const { erasure } = this.#options;
    if ('item' in target) {
      const found = await this.#options.itemLog.locate(target.item);
      return found ? erasure.sizeOf(found.tenant, itemSubject(target.item)) : undefined;
    }
    const { tenant, accounts } = await this.#accountsOf(target.person);
    const sizes = await Promise.all(accounts.map((account) => erasure.sizeOf(tenant, accountSubject(account))));
    if (sizes.length === 0) return undefined;
    return sizes.reduce((all, one) => ({ items: all.items + one.items, events: all.events + one.events }));
  }

  /** One erasure at a time. A person's earlier accounts of the same address go too. */
  async erase(target: ErasureTarget, why: Why, force: boolean): Promise<ErasureOutcome> {
    const work = this.#last.then(() => this.#erase(target, why, force));
    this.#last = work.catch(() => undefined);
    return work;
  }

  /** The latest first. */
  async list(): Promise<(ErasureRecord & { readonly tenant: TenantId })[]> {
    const tenants = await this.#options.store.tenants();
    const lists = await Promise.all(
      tenants.map(async ({ tenant }) =>
        (await this.#options.erasure.list(tenant)).map((record) => ({ tenant, ...record })),
      ),
    );
    return lists.flat().sort((one, other) => other.meta.at.localeCompare(one.meta.at));
  }

  /** Finishes what a crash interrupted, in these tenants or in all. */
  async complete(tenants?: readonly TenantId[]): Promise<void> {
    const all = tenants ?? (await this.#options.store.tenants()).map(({ tenant }) => tenant);
    const work = this.#last.then(() => this.#options.erasure.complete(all));
    this.#last = work.catch(() => undefined);
    await work;
  }

  async #erase(target: ErasureTarget, why: Why, force: boolean): Promise<ErasureOutcome> {
    const { erasure } = this.#options;
    if ('item' in target) {
      const found = await this.#options.itemLog.locate(target.item);
      return found ? erasure.item(found.tenant, target.item, why, force) : { kind: 'unknown' };
    }
    const { tenant, accounts, isKnown } = await this.#accountsOf(target.person);
    let outcome: ErasureOutcome = isKnown ? { kind: 'already' } : { kind: 'unknown' };
    for (const account of accounts) outcome = await erasure.person(tenant, account, why);
    return outcome;
  }

  /** The account of the address and those it had before, as far as they can be read; the present one last. */
  async #accountsOf(email: string): Promise<{ tenant: TenantId; accounts: AccountId[]; isKnown: boolean }> {
    const tenant = tenantOf(email);
    const accounts: AccountId[] = [];
    for (let generation = 0; generation < maxGenerations; generation++) {
      const account = accountIdFrom(tenant, email, generation);
      const { events } = await this.#options.store.load(tenant, accountStream(account));
      if (events.length === 0) return { tenant, accounts, isKnown: generation > 0 };
      if (events.some(({ type }) => type !== 'Forgotten')) accounts.push(account);
    }
    return { tenant, accounts, isKnown: true };
  }
}

/** Ends an account as its removal does; one that is removed already stays so. */
export function accountEnder(options: {
  readonly store: EventStore;
  readonly directory: Directory;
  readonly settled: (tenant: TenantId) => Promise<void>;
  readonly now: () => Instant;
}) {
  const { store, directory, settled, now } = options;
  return async (tenant: TenantId, account: AccountId, actor: Actor, cause: Cause): Promise<void> => {
    const stream = accountStream(account);
    const subject = accountSubject(account);
    const commandId = commandIdFrom(['erase', account, randomUUID()]);
    const meta = { at: now(), actor, commandId, cause };
    await runCommand(store, accountDecider, { tenant, stream, subject, owner: subject }, { type: 'remove' }, meta);
    directory.forget(tenant, stream);
    await settled(tenant);
  };
}
