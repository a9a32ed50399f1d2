/**
 * Works on one item until it and the office agree: looks first at what the office holds, takes that in, writes what is
 * then still different. Every write stands between an `Attempted` and an answer in the log, and one without an answer
 * is looked up before anything else.
 */
import type { ConflictRule } from '../../domain/conflict/merge.ts';
import { applyDelta, difference, pathsOf } from '../../domain/conflict/paths.ts';
import type { Fields } from '../../domain/item/fields.ts';
import type { Cause } from '../../domain/shared/event.ts';
import type { AccountId, Instant, ItemId, TenantId } from '../../domain/shared/ids.ts';
import type { LinkEvent } from '../../domain/writeback/events.ts';
import type { Attempt, HeldRecord } from '../../domain/writeback/link.ts';
import { plan } from '../../domain/writeback/plan.ts';
import type { OpenIntent } from '../../projections/writeback/read.ts';
import type { Clock } from '../clock.ts';
import { commandIdFrom } from '../ids.ts';
import type { ItemCommands } from '../items/item-commands.ts';
import { NotFound, OutcomeUnknown, Refused } from '../office/errors.ts';
import type { OfficeRecord, OfficeRecordId } from '../office/port.ts';
import { changedByOthers, isSameAttempt, notDone } from './attempts.ts';
import { HandedOver } from './handed-over.ts';
import type { People } from './people.ts';
import { type Place, placesOf } from './places.ts';
import type { Connection, OfficeSessions } from './sessions.ts';
import { heldData, isFromOffice, type Snapshot, type Snapshots } from './snapshots.ts';
import { agreedRevision, carryOut, deltaToOffice, takeIn } from './take-in.ts';

export interface JobDeps {
  readonly items: ItemCommands;
  readonly snapshots: Snapshots;
  readonly sessions: OfficeSessions;
  readonly people: People;
  readonly clock: Clock;
  readonly ruleOf?: (tenant: TenantId, account: AccountId) => ConflictRule;
  readonly nonce: () => string;
}

/** What one look at an item led to: look again, done with it, or later. */
export type Turn =
  | { readonly next: 'again' }
  | { readonly next: 'settled'; readonly upTo: number; readonly refused?: string }
  | { readonly next: 'later'; readonly reason: string; readonly atMs?: number };

export const again: Turn = { next: 'again' };

const awaitMaxAttempts = 20;
const writing: Cause = { command: 'writeback' };

/** One claimed intent: its item, and who acts for it in the office. */
export class Job {
  acting: AccountId | undefined;
  readonly #deps: JobDeps;
  readonly #intent: OpenIntent;
  readonly #writer: string;
  readonly #goesOn: () => boolean;
  /** An attempt that was looked up and had no effect: it may be sent again under the same event. */
  #withoutEffect: Attempt | null = null;

  /** @param goesOn false once another node may work on it: nothing is sent any more. */
  constructor(deps: JobDeps, intent: OpenIntent, goesOn: () => boolean = () => true) {
    this.#deps = deps;
    this.#intent = intent;
    this.#goesOn = goesOn;
    this.#writer = deps.nonce();
    this.acting = intent.account ?? undefined;
  }

  /** @throws OfficeError, HandedOver */
  async turn(): Promise<Turn> {
    const { tenant, item, kind, revision } = this.#intent;
    const snapshot = (await this.#deps.snapshots.load(tenant, [{ item, kind }])).get(item) as Snapshot;
    const { state, link } = snapshot;
    if (!state) return { next: 'settled', upTo: revision };
    this.acting ??= state.owner;
    const upTo = snapshot.revision;
    const reach = await this.#reach(snapshot);
    if (!reach) {
      if (!link.held) return { next: 'settled', upTo };
      return await this.#outOfReach(snapshot);
    }
    const { connection, home, places } = reach;
    const { office } = connection;
    const hash = home ? office.officeHash(kind, snapshot.fields) : null;
    const attempt = this.#isWithoutEffect(link.attempt) ? null : link.attempt;
    const step = plan({ item: state, link: { ...link, attempt }, hash, isFromOffice: isFromOffice(snapshot) });
    switch (step.do) {
      case 'settle':
        if (link.attempt && !(await this.#note(snapshot, notDone(link.attempt)))) return again;
        return { next: 'settled', upTo, refused: step.refused };
      case 'await':
        if (this.#intent.attempts >= awaitMaxAttempts) return { next: 'settled', upTo, refused: 'recordNotFound' };
        return { next: 'later', reason: 'crawlUnfinished' };
      case 'readBack':
        return await this.#readBack(connection, places, snapshot, step.attempt);
      case 'correct':
        return await this.#correct(connection, snapshot, step.held, step.refused);
      case 'create':
        return await this.#write(connection, home as Place, snapshot, 'create', step.hash, null);
      case 'update':
      case 'delete': {
        const place = places.find((one) => one.home === step.held.home) as Place;
        const looked = await this.#look(connection, place, snapshot, step.held);
        if (looked) return looked;
        if (step.do === 'update') return await this.#write(connection, place, snapshot, 'update', step.hash, step.held);
        // The record of an item that moved away goes first; what then must be made anew is still to be settled.
        const takesIn = step.isMove ? step.held.itemRevision : snapshot.revision;
        return await this.#write(connection, place, snapshot, 'delete', undefined, step.held, takesIn);
      }
    }
  }

  /**
   * The session that reaches the item's collection, or where its record is: of whoever acts, else of the owner.
   * `home` is undefined where the office does not hold the item's folder.
   */
  async #reach({ state, link }: Snapshot) {
    const { sessions, people } = this.#deps;
    const { tenant } = this.#intent;
    const owner = state?.owner as AccountId;
    for (const account of new Set([this.acting as AccountId, owner])) {
      const connection = await sessions.connect(tenant, account);
      if (!connection) continue;
      const places = await placesOf(connection, await connection.collections(), people);
      const home = places.find((place) => place.home === state?.collection);
      const needed = link.held?.home ?? link.attempt?.home;
      const isReached = needed ? places.some((place) => place.home === needed) : true;
      if (!isReached || (!home && !needed && account !== owner)) continue;
      this.acting = account;
      return { connection, home, places };
    }
    return undefined;
  }

  /** Nobody's session shows the collection: a share was withdrawn, or an office disconnected. */
  async #outOfReach(snapshot: Snapshot): Promise<Turn> {
    const { tenant } = this.#intent;
    const isAnyoneConnected = await Promise.all(
      [this.acting, snapshot.state?.owner].map(
        async (account) => account && (await this.#deps.people.person(tenant, account))?.account.office !== undefined,
      ),
    );
    const refused = isAnyoneConnected.includes(true) ? 'collectionOutOfReach' : undefined;
    return { next: 'settled', upTo: snapshot.revision, refused };
  }

  /** Looks at the record before it is written. Undefined: it is as we know it. */
  async #look(connection: Connection, place: Place, snapshot: Snapshot, held: HeldRecord): Promise<Turn | undefined> {
    const { office, session } = connection;
    const record = await office.get(session, place.collection, held.record as OfficeRecordId);
    if (!record) return await this.#gone(connection, snapshot, held);
    if (record.hash === held.hash) return undefined;
    return await this.#takeIn(connection, place, snapshot, held, record, record.fields as Fields);
  }

  async #gone(connection: Connection, snapshot: Snapshot, held: HeldRecord): Promise<Turn> {
    const isElsewhere = snapshot.state?.collection !== held.home;
    if (!isElsewhere) {
      const command = { do: 'remove', base: held.itemRevision, rule: this.#rule(connection) } as const;
      const context = this.#context(snapshot, 'gone');
      if (!(await carryOut(this.#deps.items, snapshot, context, command))) return again;
    }
    await this.#note(snapshot, { type: 'OfficeGone', version: 1, data: { record: held.record } });
    return again;
  }

  async #takeIn(
    { office, tenant, account }: Connection,
    place: Place,
    snapshot: Snapshot,
    held: HeldRecord,
    record: OfficeRecord,
    now: Fields,
  ): Promise<Turn> {
    const rule = this.#deps.ruleOf?.(tenant, account) ?? 'clientWins';
    const command = takeIn(office, snapshot, held.fields, now, rule);
    const result = command
      ? await carryOut(this.#deps.items, snapshot, this.#context(snapshot, record.hash), command)
      : null;
    if (result === undefined) return again;
    const fields = record.fields as Fields;
    const agreed = agreedRevision(office, snapshot, result, fields);
    const data = heldData(office.capabilities.system, place.home, record, agreed);
    const events: LinkEvent[] = [{ type: 'OfficeObserved', version: 1, data }];
    if (snapshot.link.attempt) events.push(notDone(snapshot.link.attempt));
    await this.#note(snapshot, ...events);
    return again;
  }

  /** What came of a write whose answer is missing. */
  async #readBack(
    connection: Connection,
    places: readonly Place[],
    snapshot: Snapshot,
    attempt: Attempt,
  ): Promise<Turn> {
    const { office, session } = connection;
    const place = places.find((one) => one.home === attempt.home);
    const { held } = snapshot.link;
    if (!place) return { next: 'later', reason: 'collectionOutOfReach' };
    const { system } = office.capabilities;
    if (attempt.action === 'create') {
      const record = await office.findByExternalKey(session, place.collection, snapshot.item);
      if (!record) return this.#hadNoEffect(attempt);
      // As it was sent: what a colleague did to it since is then seen as a change of theirs.
      const sent = { id: record.id, hash: attempt.hash ?? record.hash, fields: attempt.fields ?? record.fields };
      const data = { ...heldData(system, place.home, sent, attempt.itemRevision), action: 'create' as const };
      await this.#note(snapshot, { type: 'WriteBackConfirmed', version: 1, data });
      return again;
    }
    if (!held) return this.#hadNoEffect(attempt);
    const record = await office.get(session, place.collection, held.record as OfficeRecordId);
    if (attempt.action === 'delete') {
      if (record) return this.#hadNoEffect(attempt);
      const data = { action: 'delete' as const, record: held.record, itemRevision: attempt.itemRevision };
      await this.#note(snapshot, { type: 'WriteBackConfirmed', version: 1, data });
      return again;
    }
    if (!record) return await this.#gone(connection, snapshot, held);
    if (record.hash === held.hash) return this.#hadNoEffect(attempt);
    const sent = attempt.fields ?? {};
    if (record.hash === attempt.hash) {
      const data = { ...heldData(system, place.home, record, attempt.itemRevision), action: 'update' as const };
      await this.#note(snapshot, { type: 'WriteBackConfirmed', version: 1, data });
      return again;
    }
    const now = changedByOthers(held.fields, sent, record.fields as Fields);
    return await this.#takeIn(connection, place, snapshot, held, record, now);
  }

  #hadNoEffect(attempt: Attempt): Turn {
    this.#withoutEffect = attempt;
    return again;
  }

  #isWithoutEffect(attempt: Attempt | null): boolean {
    const looked = this.#withoutEffect;
    return looked !== null && attempt !== null && isSameAttempt(attempt, looked);
  }

  async #write(
    { office, session, account }: Connection,
    place: Place,
    before: Snapshot,
    action: Attempt['action'],
    hash: string | undefined,
    held: HeldRecord | null,
    takesIn = before.revision,
  ): Promise<Turn> {
    const { item, kind, fields } = before;
    const id = held?.record as OfficeRecordId;
    const inOffice = action === 'delete' ? undefined : (office.normalise(kind, fields) as Fields);
    const { home, collection } = place;
    const refuse = (reason: string): LinkEvent => ({
      type: 'WriteBackRefused',
      version: 1,
      data: { action, reason, itemRevision: before.revision },
    });
    if (collection.access !== 'readWrite') {
      await this.#note(before, refuse('noWriteAccess'));
      return again;
    }
    const attempt: Attempt = {
      action,
      account,
      home,
      record: held?.record,
      hash,
      fields: inOffice,
      itemRevision: takesIn,
    };
    let snapshot = before;
    if (!before.link.attempt || !isSameAttempt(before.link.attempt, attempt)) {
      const noted = await this.#note(before, { type: 'WriteBackAttempted', version: 1, data: { ...attempt } });
      if (!noted) return again;
      snapshot = noted;
    }
    let record = held?.record ?? '';
    if (!this.#goesOn()) throw new HandedOver();
    try {
      if (action === 'create') record = (await office.create(session, collection, fields, item)).id;
      else if (action === 'update') await office.update(session, collection, id, fields);
      else await office.delete(session, collection, id);
    } catch (error) {
      if (error instanceof Refused) {
        await this.#note(snapshot, refuse(error.reason));
        return again;
      }
      if (error instanceof NotFound && action === 'create') {
        await this.#note(snapshot, refuse('collectionNotFound'));
        return again;
      }
      if (error instanceof OutcomeUnknown) {
        await this.#note(snapshot, { type: 'WriteBackOutcomeUnknown', version: 1, data: { action } });
      }
      // The attempt stays without an answer, and is looked up when its turn comes again.
      throw error;
    }
    const confirmed: LinkEvent =
      action === 'delete'
        ? { type: 'WriteBackConfirmed', version: 1, data: { action, record, itemRevision: takesIn } }
        : {
            type: 'WriteBackConfirmed',
            version: 1,
            data: {
              ...heldData(
                office.capabilities.system,
                home,
                { id: record, hash: hash ?? '', fields: inOffice ?? {} },
                takesIn,
              ),
              action,
            },
          };
    await this.#note(snapshot, confirmed);
    return again;
  }

  /** The phone gets back what the office holds; what it wanted is kept. */
  async #correct({ office }: Connection, snapshot: Snapshot, held: HeldRecord, refused: string): Promise<Turn> {
    const delta = deltaToOffice(office, snapshot, held.fields);
    const lost = difference(applyDelta(snapshot.fields, delta), snapshot.fields);
    const contested = pathsOf(delta);
    const command = { do: 'reconcile', delta, contested, lost, rule: 'serverWins', loser: 'client' } as const;
    const result = await carryOut(this.#deps.items, snapshot, this.#context(snapshot, 'correct'), command);
    return result ? { next: 'settled', upTo: snapshot.revision, refused } : again;
  }

  /** The snapshot with the events appended; undefined when another writer was faster. */
  async #note(snapshot: Snapshot, ...events: readonly LinkEvent[]): Promise<Snapshot | undefined> {
    const { snapshots, clock } = this.#deps;
    const owner = snapshot.state?.owner as AccountId;
    const { item, head } = snapshot;
    const meta = { actor: { kind: 'system' as const }, at: clock.instant(), cause: writing, writer: this.#writer };
    const heads = await snapshots.append(this.#intent.tenant, [{ item, owner, head, events }], meta);
    return heads?.[0] ? { ...snapshot, head: heads[0] } : undefined;
  }

  #rule({ tenant, account }: Connection): ConflictRule {
    return this.#deps.ruleOf?.(tenant, account) ?? 'clientWins';
  }

  #context(snapshot: Snapshot, key: string) {
    const { tenant } = this.#intent;
    const { item, head, revision } = snapshot;
    return {
      tenant,
      owner: snapshot.state?.owner as AccountId,
      actor: { kind: 'office', account: this.acting as AccountId } as const,
      at: this.#deps.clock.instant() as Instant,
      cause: writing,
      commandId: commandIdFrom(['office-write', item as ItemId, key, String(head.revision), String(revision)]),
    };
  }
}
