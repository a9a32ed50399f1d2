/** Sessions with offices, one an account, opened when first needed and kept while their credentials stay the same. */
import { LRUCache } from 'lru-cache';
import type { AccountId, TenantId } from '../../domain/shared/ids.ts';
import { AuthenticationFailed, SessionExpired } from '../office/errors.ts';
import type { OfficeCollection, OfficeSession, OfficeSystem } from '../office/port.ts';
import type { OfficePerson, People } from './people.ts';

export interface Connection {
  readonly tenant: TenantId;
  readonly account: AccountId;
  readonly office: OfficeSystem;
  readonly session: OfficeSession;
  /** What the person may see; asked anew when `isFresh` or after five minutes. @throws OfficeError */
  collections(isFresh?: boolean): Promise<readonly OfficeCollection[]>;
}

const collectionsMaxAgeMs = 300_000;

interface Kept {
  readonly credentials: string;
  readonly connection: Promise<Connection>;
}

export class OfficeSessions {
  readonly #offices: Readonly<Record<string, OfficeSystem>>;
  readonly #people: People;
  readonly #nowMs: () => number;
  readonly #kept = new LRUCache<string, Kept>({ max: 10_000 });

  constructor(offices: Readonly<Record<string, OfficeSystem>>, people: People, nowMs: () => number) {
    this.#offices = offices;
    this.#people = people;
    this.#nowMs = nowMs;
  }

  /**
   * The account's connection; undefined for an account without an office.
   * @throws OfficeError when the office does not let the person in.
   */
  async connect(tenant: TenantId, account: AccountId): Promise<Connection | undefined> {
    const person = await this.#people.person(tenant, account);
    const login = person?.account.office;
    const office = login && this.#offices[login.system];
    if (!person || !login || !office) return undefined;
    const key = `${tenant}/${account}`;
    const credentials = JSON.stringify([login.system, login.username, login.password]);
    const kept = this.#kept.get(key);
    if (kept?.credentials === credentials) return await kept.connection;
    const connection = this.#open(person, office, login);
    const entry = { credentials, connection };
    this.#kept.set(key, entry);
    try {
      return await connection;
    } catch (error) {
      if (this.#kept.get(key) === entry) this.#kept.delete(key);
      throw error;
    }
  }

  /** For a session that is of no more use. */
  failed(tenant: TenantId, account: AccountId, error: unknown): void {
    if (error instanceof SessionExpired || error instanceof AuthenticationFailed)
      this.#kept.delete(`${tenant}/${account}`);
  }

  async #open(
    { tenant, account }: OfficePerson,
    office: OfficeSystem,
    login: { readonly username: string; readonly password: string },
  ): Promise<Connection> {
    const session = await office.open({ username: login.username, password: login.password });
    let known: { readonly collections: readonly OfficeCollection[]; readonly atMs: number } | undefined;
    return {
      tenant,
      account: account.id,
      office,
      session,
      collections: async (isFresh = false) => {
        if (!isFresh && known && this.#nowMs() - known.atMs < collectionsMaxAgeMs) return known.collections;
        const collections = await office.listCollections(session);
        known = { collections, atMs: this.#nowMs() };
        return collections;
      },
    };
  }
}
