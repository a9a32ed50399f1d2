/**
 * Accounts, devices and folders as requests need them: from memory when nothing changed, from their streams when
 * something did. The read models only find; what they find is then looked at in its stream.
 */
import { LRUCache } from 'lru-cache';
import type { Observable, Subscription } from 'rxjs';
import type { EventStore } from '../../adapters/event-log/event-store.port.ts';
import { StateCache } from '../../adapters/event-log/state-cache.ts';
import { accountDecider } from '../../domain/account/decide.ts';
import type { AccountEvent } from '../../domain/account/events.ts';
import { parseLogin } from '../../domain/account/login.ts';
import type { Account, AccountState } from '../../domain/account/state.ts';
import { accountStream, deviceStream, foldersStream, idOfStream } from '../../domain/account/stream.ts';
import { deviceDecider } from '../../domain/device/decide.ts';
import type { DeviceEvent } from '../../domain/device/events.ts';
import type { DeviceState } from '../../domain/device/state.ts';
import { folderDecider } from '../../domain/folder/decide.ts';
import type { FolderEvent } from '../../domain/folder/events.ts';
import type { FolderTree } from '../../domain/folder/state.ts';
import type { AccountId, DeviceKey, StreamName, TenantId } from '../../domain/shared/ids.ts';
import type { AccountRef, AccountsReader } from '../../projections/accounts/read.ts';

/** A person who is there now. */
export interface Person {
  readonly tenant: TenantId;
  readonly account: Account;
}

export class Directory {
  readonly #store: EventStore;
  readonly #reader: Pick<AccountsReader, 'byLogin' | 'byEmail'>;
  readonly #accounts: StateCache<AccountState, AccountEvent>;
  readonly #devices: StateCache<DeviceState, DeviceEvent>;
  readonly #folders: StateCache<FolderTree, FolderEvent>;
  /** Whom a name means. A new account can make a bare name ambiguous, so any news of accounts empties it. */
  readonly #logins = new LRUCache<string, AccountRef>({ max: 50_000 });
  #loginsGeneration = 0;
  readonly #subscription: Subscription;

  constructor(options: {
    readonly store: EventStore;
    readonly reader: Pick<AccountsReader, 'byLogin' | 'byEmail'>;
    /** Told after a page of events reached the read models. */
    readonly projected: Observable<{
      readonly events: readonly { readonly stream: StreamName }[];
      readonly isByOther?: boolean;
    }>;
  }) {
    const { store } = options;
    this.#store = store;
    this.#reader = options.reader;
    this.#accounts = new StateCache(store, accountDecider, { prefix: 'account-', max: 50_000 });
    this.#devices = new StateCache(store, deviceDecider, { prefix: 'device-', max: 100_000 });
    this.#folders = new StateCache(store, folderDecider, { prefix: 'folders-', max: 50_000 });
    this.#subscription = options.projected.subscribe(({ events, isByOther }) => {
      if (!isByOther && !events.some(({ stream }) => idOfStream(stream, 'account'))) return;
      this.#loginsGeneration++;
      this.#logins.clear();
    });
  }

  /**
   * Whom a sign-in name means, as typed into a phone; undefined for nobody, and for a name that means several. From then
   * on nothing that is remembered of the person's tenant is older than what another node told anyone before.
   */
  async byLogin(text: string): Promise<Person | undefined> {
    const known = this.#logins.get(text);
    if (known) return this.#present(known);
    const name = parseLogin(text);
    if (!name) return undefined;
    const generation = this.#loginsGeneration;
    const found = await this.#reader.byLogin(name);
    if (!found) return undefined;
    if (generation === this.#loginsGeneration) this.#logins.set(text, found);
    return this.#present(found);
  }

  /** As `byLogin`. */
  async byEmail(email: string): Promise<Person | undefined> {
    const found = await this.#reader.byEmail(email);
    return found && this.#present(found);
  }

  async #present({ tenant, account }: AccountRef): Promise<Person | undefined> {
    const hearing = this.#store.heard?.(tenant);
    if (hearing) await hearing;
    return this.person(tenant, account);
  }

  async person(tenant: TenantId, id: AccountId): Promise<Person | undefined> {
    const state = await this.#accounts.get(tenant, accountStream(id));
    return state.kind === 'account' ? { tenant, account: state } : undefined;
  }

  account(tenant: TenantId, id: AccountId): Promise<AccountState> {
    return this.#accounts.get(tenant, accountStream(id));
  }

  device(tenant: TenantId, key: DeviceKey): Promise<DeviceState> {
    return this.#devices.get(tenant, deviceStream(key));
  }

  /** Without waiting when the folders are at hand. */
  folders(tenant: TenantId, account: AccountId): FolderTree | Promise<FolderTree> {
    const stream = foldersStream(account);
    return this.#folders.peek(tenant, stream) ?? this.#folders.get(tenant, stream);
  }

  /** For whoever just changed the stream: its own next look sees the change. */
  forget(tenant: TenantId, stream: StreamName): void {
    for (const cache of [this.#accounts, this.#devices, this.#folders]) cache.forget(tenant, stream);
  }

  close(): void {
    this.#subscription.unsubscribe();
    for (const cache of [this.#accounts, this.#devices, this.#folders]) cache.close();
  }
}
