import { createHash, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { AuthenticationFailed, SessionExpired } from '../office/errors.ts';
import type { OfficeCredentials } from '../office/port.ts';
import { SessionLost } from './faults.ts';
import { authenticate, type SoapService } from './services.ts';
import type { Transport } from './transport.ts';
import { boolean, child, children, text, type XmlElement } from './xml.ts';

export interface Identity {
  readonly id: string;
  readonly userName: string;
  readonly clientName: string;
  readonly current: boolean;
  readonly disabled: boolean;
}

const noIdentity = '00000000-0000-0000-0000-000000000000';

/** Asking before every call would double them; a session that was used just now is taken to live. */
const idleMs = 60_000;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

export interface SessionOptions {
  readonly transport: Transport;
  readonly applicationId: string;
  readonly nowMs: () => number;
  /** Most people whose sessions are remembered. */
  readonly maxAccounts: number;
}

/** One person's login at the office: one cookie for both hosts, renewed when the office has forgotten it. */
export class AccountSession {
  readonly #options: SessionOptions;
  readonly #credentials: OfficeCredentials;
  readonly #passwordDigest: Buffer;
  #cookie: string | undefined;
  #usedAtMs = 0;
  #login: Promise<string> | undefined;
  identities: readonly Identity[] = [];

  constructor(options: SessionOptions, credentials: OfficeCredentials) {
    this.#options = options;
    this.#credentials = credentials;
    this.#passwordDigest = digest(credentials.password);
  }

  hasPassword(password: string): boolean {
    return timingSafeEqual(this.#passwordDigest, digest(password));
  }

  /** Signs in unless there is a living session. Throws AuthenticationFailed. */
  async ensure(): Promise<void> {
    await this.#living();
  }

  /** Calls as this person; when the office has forgotten the session, signs in again and calls once more. */
  async call(service: SoapService, operation: string, parameters: XmlElement): Promise<XmlElement> {
    const cookie = await this.#living();
    try {
      return await this.#use(service, operation, parameters, cookie);
    } catch (error) {
      if (!(error instanceof SessionLost)) throw error;
    }
    if (this.#cookie === cookie) this.#cookie = undefined;
    const fresh = await this.#signedIn();
    try {
      return await this.#use(service, operation, parameters, fresh);
    } catch (error) {
      if (!(error instanceof SessionLost)) throw error;
      throw new SessionExpired('The office does not keep the session');
    }
  }

  async #use(service: SoapService, operation: string, parameters: XmlElement, cookie: string): Promise<XmlElement> {
    const answer = await this.#options.transport.call(service, operation, parameters, cookie);
    this.#usedAtMs = this.#options.nowMs();
    return answer;
  }

  async #living(): Promise<string> {
    const cookie = this.#cookie;
    if (cookie === undefined || this.#options.nowMs() - this.#usedAtMs <= idleMs) return await this.#signedIn();
    const answer = await this.#options.transport
      .call(authenticate, 'HasSession', {}, cookie)
      .catch((error: unknown) => {
        if (error instanceof SessionLost) return {};
        throw error;
      });
    if (boolean(answer, 'HasSessionResult') === true) this.#usedAtMs = this.#options.nowMs();
    else if (this.#cookie === cookie) this.#cookie = undefined;
    return await this.#signedIn();
  }

  /** The cookie; several callers without one share one login, since logins are throttled (facts 1a). */
  async #signedIn(): Promise<string> {
    if (this.#cookie !== undefined) return this.#cookie;
    this.#login ??= this.#signIn().finally(() => {
      this.#login = undefined;
    });
    return await this.#login;
  }

  async #signIn(): Promise<string> {
    const { transport, applicationId, nowMs } = this.#options;
    const { username, password, tenant } = this.#credentials;
    const credential = { ApplicationId: applicationId, IdentityId: noIdentity, Password: password, Username: username };
    try {
      const cookie = text(await transport.call(authenticate, 'Login', { credential }), 'LoginResult');
      // No result is how the office says that the name or the password is wrong.
      if (cookie === undefined || !/^[\x21-\x3a\x3c-\x7e]{1,200}$/.test(cookie)) {
        throw new AuthenticationFailed('The office does not accept this name and password');
      }
      this.identities = await this.#identities(cookie);
      if (tenant !== undefined) await this.#choose(tenant, cookie);
      this.#cookie = cookie;
      this.#usedAtMs = nowMs();
      return cookie;
    } catch (error) {
      if (error instanceof SessionLost) throw new SessionExpired('The office does not keep the session');
      throw error;
    }
  }

  async #identities(cookie: string): Promise<readonly Identity[]> {
    const answer = await this.#options.transport.call(authenticate, 'GetIdentities', {}, cookie);
    return children(child(answer, 'GetIdentitiesResult'), 'Identity').map((identity) => ({
      id: text(identity, 'Id') ?? noIdentity,
      userName: text(child(identity, 'User'), 'Name') ?? '',
      clientName: text(child(identity, 'Client'), 'Name') ?? '',
      current: boolean(identity, 'IsCurrent') === true,
      disabled: boolean(identity, 'IsDisabled') === true,
    }));
  }

  async #choose(tenant: string, cookie: string): Promise<void> {
    const wanted = tenant.toLowerCase();
    const found = this.identities.find(
      ({ id, clientName }) => id.toLowerCase() === wanted || clientName.toLowerCase() === wanted,
    );
    if (found === undefined) throw new AuthenticationFailed('The person has no identity at this tenant');
    if (found.current) return;
    const answer = await this.#options.transport.call(
      authenticate,
      'SetIdentityById',
      { identityId: found.id },
      cookie,
    );
    if (boolean(answer, 'SetIdentityByIdResult') !== true) {
      throw new AuthenticationFailed('The office does not let the person use this tenant');
    }
    this.identities = this.identities.map((identity) => ({ ...identity, current: identity.id === found.id }));
  }
}

/** The sessions by person and tenant; another password than the remembered one gets a session of its own. */
export function createSessions(options: SessionOptions) {
  const accounts = new LRUCache<string, AccountSession>({ max: options.maxAccounts });
  return {
    async open(credentials: OfficeCredentials): Promise<AccountSession> {
      const key = `${credentials.username.toLowerCase()}\n${credentials.tenant?.toLowerCase() ?? ''}`;
      const known = accounts.get(key);
      if (known?.hasPassword(credentials.password)) {
        await known.ensure();
        return known;
      }
      const account = new AccountSession(options, credentials);
      await account.ensure();
      accounts.set(key, account);
      return account;
    },
  };
}
