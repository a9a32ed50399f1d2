/** What administrators do with accounts. Every answer comes after the read models hold what was done. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../adapters/clock.ts';
import type { KeyRing } from '../../adapters/crypto.port.ts';
import type { EventStore } from '../../adapters/event-log/event-store.port.ts';
import { type CommandResult, type CommandTarget, runCommand } from '../../adapters/event-log/run-command.ts';
import { accountIdFrom, commandIdFrom, tenantOf } from '../../adapters/ids.ts';
import { type AccountRefusal, type AccountSettings, accountDecider } from '../../domain/account/decide.ts';
import type { AccountEvent } from '../../domain/account/events.ts';
import type { AccountState, OfficeLogin } from '../../domain/account/state.ts';
import { accountStream, foldersStream } from '../../domain/account/stream.ts';
import { folderDecider } from '../../domain/folder/decide.ts';
import type { Actor, EventMeta } from '../../domain/shared/event.ts';
import type { AccountId, StreamName, TenantId } from '../../domain/shared/ids.ts';
import { accountSubject } from '../../domain/shared/streams.ts';
import type { AccountRow, AccountsReader } from '../../projections/accounts/read.ts';
import { defaultFolders } from './default-folders.ts';
import type { Directory, Person } from './directory.ts';

export interface NewAccount {
  readonly email: string;
  /** As typed; or the hash when it was made before. */
  readonly password: string | { readonly hash: string };
  readonly displayName?: string;
  readonly aliases?: readonly string[];
  readonly timeZone?: string;
  readonly office?: OfficeLogin | null;
  readonly policy?: AccountSettings['policy'];
  readonly features?: readonly string[];
  readonly conflictPolicy?: AccountSettings['conflictPolicy'];
}

export type AccountOutcome =
  | { readonly kind: 'done'; readonly person: Person }
  | { readonly kind: 'exists' }
  | { readonly kind: 'unknown' }
  /** An email or alias of somebody else. */
  | { readonly kind: 'nameTaken'; readonly names: readonly string[] };

export interface AccountsOptions {
  readonly store: EventStore;
  readonly directory: Directory;
  readonly reader: AccountsReader;
  readonly keys: KeyRing;
  readonly clock: Clock;
  readonly hashPassword: (password: string) => Promise<string>;
  /** Resolves when the read models hold everything the tenant's log holds now. */
  readonly settled: (tenant: TenantId) => Promise<void>;
  readonly defaultTimeZone: string;
}

const maxGenerations = 1_000;

export class Accounts {
  readonly #options: AccountsOptions;

  constructor(options: AccountsOptions) {
    this.#options = options;
  }

  /** Emails and aliases come normalized (`normalizeLogin`). */
  async create(wanted: NewAccount, actor: Actor = { kind: 'admin' }): Promise<AccountOutcome> {
    const { reader, directory, defaultTimeZone } = this.#options;
    const tenant = tenantOf(wanted.email);
    const account = await this.#unusedId(tenant, wanted.email);
    if (!account) return { kind: 'exists' };
    const names = await reader.namesTaken([wanted.email, ...(wanted.aliases ?? [])], account);
    if (names.length > 0) return { kind: 'nameTaken', names };
    const passwordHash = await this.#hashOf(wanted.password);
    const meta = this.#meta(actor, 'account create');

    // Folders first: an account is never seen without them, and a crash between leaves nothing anyone sees.
    await runCommand(
      this.#options.store,
      folderDecider,
      this.#target(tenant, account, foldersStream(account)),
      { type: 'establish', folders: defaultFolders(account) },
      meta,
    );
    const result = await runCommand(
      this.#options.store,
      accountDecider,
      this.#target(tenant, account, accountStream(account)),
      {
        type: 'create',
        account,
        email: wanted.email,
        passwordHash,
        timeZone: wanted.timeZone ?? defaultTimeZone,
        settings: {
          displayName: wanted.displayName,
          aliases: wanted.aliases,
          policy: wanted.policy,
          features: wanted.features,
          conflictPolicy: wanted.conflictPolicy,
          office: wanted.office,
        },
      },
      meta,
    );
    directory.forget(tenant, foldersStream(account));
    return this.#answer(tenant, account, result);
  }

  async change(
    email: string,
    wanted: Omit<AccountSettings, 'passwordHash'> & { readonly password?: string },
    actor: Actor = { kind: 'admin' },
  ): Promise<AccountOutcome> {
    const person = await this.#options.directory.byEmail(email);
    if (!person) return { kind: 'unknown' };
    const { tenant, account } = person;
    const names = await this.#options.reader.namesTaken(wanted.aliases ?? [], account.id);
    if (names.length > 0) return { kind: 'nameTaken', names };
    const { password, ...settings } = wanted;
    const passwordHash = password === undefined ? undefined : await this.#hashOf(password);
    const result = await runCommand(
      this.#options.store,
      accountDecider,
      this.#target(tenant, account.id, accountStream(account.id)),
      { type: 'change', settings: { ...settings, passwordHash } },
      this.#meta(actor, 'account change'),
    );
    return this.#answer(tenant, account.id, result);
  }

  /**
   * Ends the account: nobody signs in any more, and the address is free for a new one with none of the old items.
   * With `erase` the person's key is destroyed too: the events stay in their places and can never be read again.
   */
  async remove(
    email: string,
    options: { readonly erase: boolean },
    actor: Actor = { kind: 'admin' },
  ): Promise<'done' | 'unknown'> {
    const person = await this.#options.directory.byEmail(email);
    if (!person) return 'unknown';
    const { tenant, account } = person;
    const stream = accountStream(account.id);
    await runCommand(
      this.#options.store,
      accountDecider,
      this.#target(tenant, account.id, stream),
      { type: 'remove' },
      this.#meta(actor, options.erase ? 'account erase' : 'account remove'),
    );
    this.#options.directory.forget(tenant, stream);
    await this.#options.settled(tenant);
    if (options.erase) {
      await this.#options.keys.destroy(tenant, accountSubject(account.id));
      this.#options.directory.forget(tenant, stream);
    }
    return 'done';
  }

  find(email: string): Promise<Person | undefined> {
    return this.#options.directory.byEmail(email);
  }

  /** In order of the email, after the one given. */
  async page(after: string, limit: number): Promise<{ rows: AccountRow[]; people: Person[] }> {
    const rows = await this.#options.reader.page(after, limit);
    const people = await Promise.all(rows.map((row) => this.#options.directory.person(row.tenant, row.account)));
    return { rows, people: people.filter((person) => person !== undefined) };
  }

  /** The first id of this address that was never used; undefined when somebody has the address now. */
  async #unusedId(tenant: TenantId, email: string): Promise<AccountId | undefined> {
    for (let generation = 0; generation < maxGenerations; generation++) {
      const account = accountIdFrom(tenant, email, generation);
      const page = await this.#options.store.load(tenant, accountStream(account));
      if (page.head.revision < 0) return account;
      const isGone = page.events.some(({ type }) => type === 'AccountRemoved' || type === 'Forgotten');
      if (!isGone) return undefined;
    }
    throw new Error(`An address was removed and made anew ${maxGenerations} times.`);
  }

  async #answer(
    tenant: TenantId,
    id: AccountId,
    result: CommandResult<AccountState, AccountEvent, AccountRefusal>,
  ): Promise<AccountOutcome> {
    this.#options.directory.forget(tenant, accountStream(id));
    if (result.outcome === 'refused') return { kind: result.reason === 'exists' ? 'exists' : 'unknown' };
    await this.#options.settled(tenant);
    const person = await this.#options.directory.person(tenant, id);
    return person ? { kind: 'done', person } : { kind: 'unknown' };
  }

  #hashOf(password: string | { readonly hash: string }): Promise<string> {
    return typeof password === 'string' ? this.#options.hashPassword(password) : Promise.resolve(password.hash);
  }

  #target(tenant: TenantId, account: AccountId, stream: StreamName): CommandTarget {
    const subject = accountSubject(account);
    return { tenant, stream, subject, owner: subject };
  }

  #meta(actor: Actor, command: string): EventMeta {
    const commandId = commandIdFrom(['admin', randomUUID()]);
    return { at: this.#options.clock.instant(), actor, commandId, cause: { command } };
  }
}
