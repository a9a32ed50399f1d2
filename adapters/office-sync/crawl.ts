/**
 * Looks at all that the office holds of an account, and brings what changed since the last look into the log. A crawl
 * in which nothing changed writes nothing.
 */

import type { ConflictRule } from '../../domain/conflict/merge.ts';
import type { NewFolder } from '../../domain/folder/decide.ts';
import { type CrawlCommand, type CrawlState, crawlDecider, healthy } from '../../domain/office/crawl-state.ts';
import { crawlStream } from '../../domain/office/events.ts';
import { observe } from '../../domain/office/observe.ts';
import type { Actor, EventMeta } from '../../domain/shared/event.ts';
import type { AccountId, CollectionId, TenantId } from '../../domain/shared/ids.ts';
import { accountSubject } from '../../domain/shared/streams.ts';
import type { OfficeBaselineReader } from '../../projections/office-baseline/read.ts';
import type { Folders } from '../activesync/deps.ts';
import type { EventStore } from '../event-log/event-store.port.ts';
import { foldPage, runCommand } from '../event-log/run-command.ts';
import { commandIdFrom } from '../ids.ts';
import { HandedOver } from './handed-over.ts';
import { Intake, type IntakeCounts } from './intake.ts';
import { crawling, type IntakeDeps } from './intake-log.ts';
import { ItemLocks } from './item-locks.ts';
import type { People } from './people.ts';
import { type Place, placesOf } from './places.ts';
import type { Connection, OfficeSessions } from './sessions.ts';

export interface CrawlDeps extends IntakeDeps {
  readonly store: EventStore;
  readonly baseline: OfficeBaselineReader;
  readonly sessions: OfficeSessions;
  readonly people: People;
  readonly folders: Folders;
  /** Resolves when the read models hold everything the tenant's log holds now. */
  readonly settled: (tenant: TenantId) => Promise<void>;
  /** Who wins where office and phone changed the same; the office (`clientWins`) unless told. */
  readonly ruleOf?: (tenant: TenantId, account: AccountId) => ConflictRule;
  readonly nonce: () => string;
}

export interface CrawlCounts extends IntakeCounts {
  collections: number;
  seen: number;
  suspended: number;
}

export interface Suspension {
  readonly collection: CollectionId;
  readonly kind: string;
  readonly owner: AccountId;
  readonly state: CrawlState;
}

export class Crawl {
  readonly #deps: CrawlDeps;
  readonly #intake: Intake;
  /** One crawl of a collection at a time. */
  readonly #turns = new ItemLocks();

  constructor(deps: CrawlDeps) {
    this.#deps = deps;
    this.#intake = new Intake(deps);
  }

  /**
   * One crawl of the account. A shared collection whose owner is connected too is crawled by the owner's own session:
   * in the owner's turn, or now when `withOwners`. Undefined for an account without an office.
   * @throws OfficeError, or HandedOver when it no longer `goesOn`; what was taken in before stays.
   */
  async run(
    tenant: TenantId,
    account: AccountId,
    options: { readonly withOwners: boolean; readonly goesOn?: () => boolean },
  ): Promise<CrawlCounts | undefined> {
    const connection = await this.#connect(tenant, account);
    if (!connection) return undefined;
    const counts: CrawlCounts = { collections: 0, seen: 0, added: 0, changed: 0, removed: 0, suspended: 0 };
    try {
      const places = await this.#places(connection, true);
      await this.#establish(connection, places);
      for (const place of places) {
        counts.collections++;
        if (!place.isCrawledByOwner) await this.#collection(connection, place, counts, options.goesOn);
        else if (options.withOwners) await this.#byOwner(tenant, place, counts, options.goesOn);
      }
    } catch (error) {
      this.#deps.sessions.failed(tenant, account, error);
      throw error;
    }
    return counts;
  }

  /** The account's collections that are suspended, or on their way back. */
  async suspensions(tenant: TenantId, account: AccountId): Promise<Suspension[]> {
    const connection = await this.#connect(tenant, account);
    if (!connection) return [];
    const places = await this.#places(connection, false);
    const states = await Promise.all(places.map((place) => this.#state(tenant, place)));
    return places.flatMap((place, at) => {
      const state = states[at] ?? healthy;
      const { home: collection, owner } = place;
      return state.kind === 'healthy' ? [] : [{ collection, kind: place.collection.kind, owner, state }];
    });
  }

  /** The actor says that what is missing is really gone. How many collections that released. */
  async confirmShrink(tenant: TenantId, account: AccountId, actor: Actor): Promise<number> {
    const suspended = (await this.suspensions(tenant, account)).filter(({ state }) => state.kind === 'suspended');
    const by = { actor, cause: { command: 'confirm-shrink' } };
    for (const { collection, owner } of suspended)
      await this.#crawlEvent(tenant, collection, owner, { do: 'confirm' }, by);
    return suspended.length;
  }

  async #connect(tenant: TenantId, account: AccountId): Promise<Connection | undefined> {
    try {
      return await this.#deps.sessions.connect(tenant, account);
    } catch (error) {
      this.#deps.sessions.failed(tenant, account, error);
      throw error;
    }
  }

  async #places(connection: Connection, isFresh: boolean): Promise<Place[]> {
    return await placesOf(connection, await connection.collections(isFresh), this.#deps.people);
  }

  async #byOwner(tenant: TenantId, { owner, home }: Place, counts: CrawlCounts, goesOn?: () => boolean): Promise<void> {
    const connection = await this.#connect(tenant, owner);
    if (!connection) return;
    const own = (await this.#places(connection, false)).find((place) => place.home === home);
    if (own) await this.#collection(connection, own, counts, goesOn);
  }

  async #collection(
    connection: Connection,
    place: Place,
    counts: CrawlCounts,
    goesOn: () => boolean = () => true,
  ): Promise<void> {
    const { tenant, account, office, session } = connection;
    const { home, owner, collection } = place;
    await this.#turns.run(`${tenant}/${home}`, async () => {
      await this.#deps.settled(tenant);
      // Before the list is asked for: what is written meanwhile then shows as a newer revision, and is left alone.
      const known = await this.#deps.baseline.ofHome(tenant, home);
      const state = await this.#state(tenant, place);
      const { records } = await office.list(session, collection);
      if (!goesOn()) throw new HandedOver();
      counts.seen += records.length;
      const observation = observe(known, records, state);
      if (observation.kind === 'suspicious') {
        const { missing, of } = observation;
        counts.suspended++;
        this.#deps.log.warn({ account, kind: collection.kind, missing, of }, 'too much is missing: crawl suspended');
        await this.#crawlEvent(tenant, home, owner, { do: 'suspend', missing, of });
        return;
      }
      const rule = this.#deps.ruleOf?.(tenant, account) ?? 'clientWins';
      const done = await this.#intake.takeIn({ tenant, account, office, place, rule }, observation);
      counts.added += done.added;
      counts.changed += done.changed;
      counts.removed += done.removed;
      const isWhole = observation.missed.length === 0 && done.removed === observation.gone.length;
      if (state.kind !== 'healthy' && isWhole) await this.#crawlEvent(tenant, home, owner, { do: 'resume' });
    });
  }

  async #state(tenant: TenantId, { home }: Place): Promise<CrawlState> {
    return foldPage(crawlDecider, (await this.#deps.store.load(tenant, crawlStream(home))).events);
  }

  async #crawlEvent(
    tenant: TenantId,
    home: CollectionId,
    owner: AccountId,
    command: CrawlCommand,
    by: Pick<EventMeta, 'actor' | 'cause'> = { actor: { kind: 'system' }, cause: crawling },
  ): Promise<void> {
    const subject = accountSubject(owner);
    await runCommand(
      this.#deps.store,
      crawlDecider,
      { tenant, stream: crawlStream(home), subject, owner: subject },
      command,
      { at: this.#deps.now(), commandId: commandIdFrom(['crawl', this.#deps.nonce()]), ...by },
    );
  }

  /** Folders of shares come, go and change their rights as the office says. */
  async #establish({ tenant, account }: Connection, places: readonly Place[]): Promise<void> {
    const { folders } = this.#deps;
    const wanted = places.flatMap(({ folder }): NewFolder[] => (folder ? [folder] : []));
    const tree = await folders.of(tenant, account);
    const meta = () => ({
      at: this.#deps.now(),
      actor: { kind: 'office', account } as const,
      commandId: commandIdFrom(['folders', this.#deps.nonce()]),
      cause: crawling,
    });
    for (const present of tree.values()) {
      if (present.owner === undefined) continue;
      const same = wanted.find(({ collection }) => collection === present.collection);
      if (same && (same.access ?? 'write') === present.access && same.source === present.source) continue;
      await folders.run(tenant, account, { type: 'withdraw', collection: present.collection }, meta());
    }
    if (wanted.length === 0) return;
    const result = await folders.run(tenant, account, { type: 'establish', folders: wanted }, meta());
    if (result.kind === 'refused') this.#deps.log.warn({ account, reason: result.reason }, 'shared folders not shown');
  }
}
