/**
 * Brings what phones changed to the office. Takes open intents, one an item, and works on the item until it and the
 * office agree: looks first at what the office holds, takes that in, writes what is then still different. Every write
 * stands between an `Attempted` and an answer in the log, and one without an answer is looked up before anything else.
 */
import { Subject } from 'rxjs';
import type { ConflictRule } from '../../domain/conflict/merge.ts';
import { applyDelta, difference, pathsOf } from '../../domain/conflict/paths.ts';
import { type ItemEventData, parseItemType } from '../../domain/item/events.ts';
import type { Fields } from '../../domain/item/fields.ts';
import type { AccountId, Instant, ItemId, TenantId } from '../../domain/shared/ids.ts';
import type { LinkEvent } from '../../domain/writeback/events.ts';
import type { Attempt, HeldRecord } from '../../domain/writeback/link.ts';
import { plan } from '../../domain/writeback/plan.ts';
import type { OpenIntent, WriteBackQueue } from '../../projections/writeback/read.ts';
import type { Clock } from '../clock.ts';
import { SubjectErased } from '../event-log/event-store.ts';
import { commandIdFrom } from '../ids.ts';
import { type ItemCommands, ItemContended } from '../items/item-commands.ts';
import type { Logger } from '../log/logger.ts';
import { NotFound, OfficeError, OutcomeUnknown, QuotaExceeded, Refused } from '../office/errors.ts';
import type { OfficeRecord, OfficeRecordId } from '../office/port.ts';
import { lockKey } from './intake.ts';
import type { ItemLocks } from './item-locks.ts';
import type { People } from './people.ts';
import { type Place, placesOf } from './places.ts';
import type { Connection, OfficeSessions } from './sessions.ts';
import { heldData, type Snapshot, type Snapshots } from './snapshots.ts';
import { agreedRevision, carryOut, deltaToOffice, takeIn } from './take-in.ts';

export interface WriteBackDeps {
  readonly queue: WriteBackQueue;
  readonly items: ItemCommands;
  readonly snapshots: Snapshots;
  readonly sessions: OfficeSessions;
  readonly people: People;
  readonly locks: ItemLocks;
  readonly clock: Clock;
  readonly log: Logger;
  readonly ruleOf?: (tenant: TenantId, account: AccountId) => ConflictRule;
  /** 0 to 1: spreads retries. */
  readonly random: () => number;
  readonly nonce: () => string;
  /** Items worked on together; 4 unless told. */
  readonly concurrency?: number;
}

/** What one look at an item led to: look again, done with it, or later. */
type Turn =
  | { readonly next: 'again' }
  | { readonly next: 'settled'; readonly upTo: number; readonly refused?: string }
  | { readonly next: 'later'; readonly reason: string; readonly atMs?: number };

const again: Turn = { next: 'again' };

const leaseMs = 120_000;
const turnsMax = 12;
const retryFirstMs = 2_000;
const retryMaxMs = 900_000;
const signInRetryMs = 900_000;
const awaitMaxAttempts = 20;

export class WriteBack {
  /** An item was worked on. */
  readonly worked = new Subject<void>();
  readonly #deps: WriteBackDeps;

  constructor(deps: WriteBackDeps) {
    this.#deps = deps;
  }

  /** Works on what is due now, until nothing is; answers with how many items that were. Never rejects for an office. */
  async runDue(): Promise<number> {
    const { queue, clock, concurrency = 4 } = this.#deps;
    let count = 0;
    for (;;) {
      const claimed = await queue.claim(clock.nowMs(), leaseMs, concurrency);
      if (claimed.length === 0) return count;
      await Promise.all(claimed.map((intent) => this.#work(intent)));
      count += claimed.length;
      this.worked.next();
    }
  }

  async #work(intent: OpenIntent): Promise<void> {
    const { queue, locks, log } = this.#deps;
    const { tenant, item } = intent;
    await locks.run(lockKey(tenant, item), async () => {
      const job = new Job(this.#deps, intent);
      let turn: Turn = again;
      try {
        for (let turns = 0; turn.next === 'again' && turns < turnsMax; turns++) turn = await job.turn();
      } catch (error) {
        turn = await this.#failed(intent, job.acting, error);
      }
      if (turn.next === 'settled') {
        const outcome = turn.refused === undefined ? 'done' : 'refused';
        if (outcome === 'refused') log.warn({ item, kind: intent.kind, reason: turn.refused }, 'write-back refused');
        await queue.settle(tenant, item, turn.upTo, outcome, turn.refused ?? null, job.acting ?? null);
        return;
      }
      const reason = turn.next === 'later' ? turn.reason : 'contended';
      const atMs = (turn.next === 'later' ? turn.atMs : undefined) ?? this.#retryAtMs(intent);
      await queue.postpone(intent, atMs, reason, job.acting ?? null);
    });
  }

  async #failed(intent: OpenIntent, acting: AccountId | undefined, error: unknown): Promise<Turn> {
    const { queue, sessions, log, clock } = this.#deps;
    const { tenant, item, revision } = intent;
    if (error instanceof SubjectErased) return { next: 'settled', upTo: revision };
    if (error instanceof OfficeError) {
      if (acting) sessions.failed(tenant, acting, error);
      const { code } = error;
      log.info({ item, kind: intent.kind, code, attempts: intent.attempts }, 'write-back waits');
      const untilMs =
        error instanceof QuotaExceeded
          ? Date.parse(error.until)
          : code === 'authenticationFailed'
            ? clock.nowMs() + signInRetryMs
            : undefined;
      if (untilMs === undefined) return { next: 'later', reason: code };
      if (acting) await queue.postponeAccount(tenant, acting, untilMs, code);
      return { next: 'later', reason: code, atMs: untilMs };
    }
    if (!(error instanceof ItemContended)) log.error({ err: error, item }, 'write-back failed');
    return { next: 'later', reason: error instanceof ItemContended ? 'contended' : 'internal' };
  }

  #retryAtMs({ attempts }: OpenIntent): number {
    const pauseMs = Math.min(retryMaxMs, retryFirstMs * 2 ** Math.min(20, Math.max(0, attempts - 1)));
    return this.#deps.clock.nowMs() + Math.round(pauseMs * (0.5 + this.#deps.random() / 2));
  }
}

/** One claimed intent: its item, and who acts for it in the office. */
class Job {
  acting: AccountId | undefined;
  readonly #deps: WriteBackDeps;
  readonly #intent: OpenIntent;
  readonly #writer: string;
  /** An attempt that was looked up and had no effect: it may be sent again under the same event. */
  #withoutEffect: Attempt | null = null;

  constructor(deps: WriteBackDeps, intent: OpenIntent) {
    this.#deps = deps;
    this.#intent = intent;
    this.#writer = deps.nonce();
    this.acting = intent.account ?? undefined;
  }

  /** @throws OfficeError */
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
    const agreed = await agreedRevision(office, this.#deps.snapshots, snapshot, tenant, result, fields);
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
    // Somebody else wrote too. A value that is the old one or the one we sent is no change of theirs.
    const fields = record.fields as Fields;
    const ours = new Set(pathsOf(difference(sent, fields)));
    const theirs = difference(held.fields, fields);
    const now = applyDelta(held.fields, {
      set: Object.fromEntries(Object.entries(theirs.set).filter(([path]) => ours.has(path))),
      cleared: theirs.cleared.filter((path) => ours.has(path)),
    });
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
    const meta = { actor: { kind: 'system' as const }, at: clock.instant(), writer: this.#writer };
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
      commandId: commandIdFrom(['office-write', item as ItemId, key, String(head.revision), String(revision)]),
    };
  }
}

function notDone({ action }: Attempt): LinkEvent {
  return { type: 'WriteBackNotDone', version: 1, data: { action } };
}

function isSameAttempt(one: Attempt, other: Attempt): boolean {
  return (
    one.action === other.action &&
    one.hash === other.hash &&
    one.itemRevision === other.itemRevision &&
    one.record === other.record &&
    one.home === other.home
  );
}

function isFromOffice({ history }: Snapshot): boolean {
  const first = history.find((event) => parseItemType(event.type)?.verb === 'Added');
  const isRestored = (first?.data as ItemEventData['Added'] | undefined)?.restored === true;
  return first?.actor.kind === 'office' && !isRestored;
}
