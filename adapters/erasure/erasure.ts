/**
 * Erasing for good: the key of an item or of a person is destroyed, and with it everything it sealed, wherever a copy
 * lies. First what lives is removed, so that devices and the office are told; then it is stored that it was erased;
 * then the key goes, and the rows and blobs that nobody can read any more. What a crash leaves undone behind the stored
 * word is done at the next start.
 */
import { accountStream, idOfStream } from '../../domain/account/stream.ts';
import { type Erased, erasureStream, erasureSubject, subjectOf } from '../../domain/erasure/events.ts';
import { itemKinds } from '../../domain/item/fields.ts';
import { fold } from '../../domain/item/state.ts';
import type { Actor, Cause, EventMeta } from '../../domain/shared/event.ts';
import type {
  AccountId,
  CommandId,
  Instant,
  ItemId,
  StreamName,
  SubjectId,
  TenantId,
} from '../../domain/shared/ids.ts';
import { accountSubject, itemStream, itemSubject } from '../../domain/shared/streams.ts';
import { type LinkEvent, linkStream } from '../../domain/writeback/events.ts';
import { evolveLink, noLink } from '../../domain/writeback/link.ts';
import type { Folders } from '../activesync/deps.ts';
import type { BlobHash, BlobStore } from '../blobs/port.ts';
import type { KeyRing } from '../crypto.port.ts';
import type { LogCensus } from '../event-log/census.ts';
import type { EventStore } from '../event-log/event-store.port.ts';
import { foldPage } from '../event-log/run-command.ts';
import { namedInEvent } from '../items/bodies.ts';
import { type ItemCommands, pastEvents } from '../items/item-commands.ts';
import type { Traces } from './postgres/traces.ts';

export interface ErasureOptions {
  /** As events are stored: long bodies are named, not put in place. */
  readonly store: EventStore;
  readonly keys: KeyRing;
  readonly blobs: BlobStore;
  readonly items: ItemCommands;
  readonly folders: Folders;
  readonly traces: Traces;
  readonly census: Pick<LogCensus, 'sealedBy'>;
  /** Ends the account: nobody signs in any more. */
  readonly endAccount: (tenant: TenantId, account: AccountId, actor: Actor, cause: Cause) => Promise<void>;
  /** What lies elsewhere and must go too: keys in backups. */
  readonly forgetElsewhere: (gone: {
    readonly tenant: TenantId;
    readonly at: Instant;
    readonly erased: Erased;
    readonly subjects: readonly SubjectId[];
    readonly why: Why;
  }) => Promise<void>;
  readonly settled: (tenant: TenantId) => Promise<void>;
  readonly now: () => Instant;
  readonly commandId: (parts: readonly string[]) => CommandId;
  readonly nonce: () => string;
  /** How long a removal waits for the office. */
  readonly officeWithinMs?: number;
}

export interface Why {
  readonly actor: Actor;
  readonly reason?: string;
}

export interface ErasureReport {
  readonly erased: Erased;
  readonly at: Instant;
  readonly blobs: number;
  /** Tables whose dead rows hold keys until PostgreSQL uses their place again. */
  readonly unvacuumed: readonly string[];
}

export type ErasureOutcome =
  | { readonly kind: 'done'; readonly report: ErasureReport }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'already' }
  /** The item is removed here; the office has not said that its record is gone. */
  | { readonly kind: 'officeNotConfirmed'; readonly reason: string };

export interface ErasureRecord {
  readonly erased: Erased;
  readonly meta: EventMeta;
}

const officePauseMs = 150;
const streamsTogether = 200;
const farFuture = '9999-12-31T00:00:00.000Z';
/** An erasure whose rows a crash may have left. */
const recentMs = 86_400_000;

export class Erasure {
  readonly #options: ErasureOptions;

  constructor(options: ErasureOptions) {
    this.#options = options;
  }

  /** Every erasure of the tenant, the oldest first. */
  async list(tenant: TenantId): Promise<ErasureRecord[]> {
    const { events } = await this.#options.store.load(tenant, erasureStream);
    return events
      .filter(({ type }) => type === 'SubjectErased')
      .map(({ data, meta }) => ({ erased: data as Erased, meta }));
  }

  /** What would go, without touching it. */
  async sizeOf(tenant: TenantId, subject: SubjectId): Promise<{ items: number; events: number }> {
    const subjects = await this.#options.traces.subjectsBelow(tenant, subject);
    const streams = await this.#options.census.sealedBy(tenant, subjects);
    return { items: itemsIn(subjects).length, events: sum(streams) };
  }

  /** `force` goes on without the office's word. */
  async item(tenant: TenantId, item: ItemId, why: Why, force: boolean): Promise<ErasureOutcome> {
    const { store, census } = this.#options;
    const kind = await this.#kindOf(tenant, item);
    if (!kind) return { kind: 'unknown' };
    const { events } = await store.load(tenant, itemStream(kind, item));
    const state = fold(pastEvents(events));
    if (!state) return { kind: 'already' };
    if (!state.removed) await this.#remove(tenant, item, kind, state.owner, why);
    const office = await this.#officeSays(tenant, item, force ? 0 : (this.#options.officeWithinMs ?? 15_000));
    if (office !== 'gone' && !force) return { kind: 'officeNotConfirmed', reason: office };
    const sealed = await census.sealedBy(tenant, [itemSubject(item)]);
    const erased: Erased = {
      ...{ subject: 'item', item, kind, collection: state.collection, owner: state.owner },
      events: sum(sealed),
      isGoneInOffice: office === 'gone',
    };
    return { kind: 'done', report: await this.#erase(tenant, erased, why, sealed) };
  }

  async person(tenant: TenantId, account: AccountId, why: Why): Promise<ErasureOutcome> {
    const { store, traces, census, folders } = this.#options;
    const { events } = await store.load(tenant, accountStream(account));
    if (events.length === 0) return { kind: 'unknown' };
    if (events.every(({ type }) => type === 'Forgotten')) return { kind: 'already' };
    await this.#options.endAccount(tenant, account, why.actor, causeOf(why));
    for (const share of await traces.sharesOf(account)) {
      const command = { type: 'withdraw', collection: share.collection } as const;
      await folders.run(share.tenant, share.account, command, this.#meta(why, [share.collection]));
    }
    const subjects = await traces.subjectsBelow(tenant, accountSubject(account));
    const sealed = await census.sealedBy(tenant, subjects);
    const erased: Erased = { subject: 'person', account, items: itemsIn(subjects).length, events: sum(sealed) };
    return { kind: 'done', report: await this.#erase(tenant, erased, why, sealed) };
  }

  /** Finishes what a crash interrupted, and what a restore brought back. Answers with how many keys it destroyed. */
  async complete(tenants: readonly TenantId[]): Promise<number> {
    let completed = 0;
    for (const tenant of tenants) {
      const records = await this.list(tenant);
      const living = await this.#options.keys.find(
        tenant,
        records.map(({ erased }) => subjectOf(erased)),
      );
      for (const { erased, meta } of records) {
        const isLiving = living.has(subjectOf(erased));
        const ageMs = Date.parse(this.#options.now()) - Date.parse(meta.at);
        if (isLiving) completed++;
        if (!isLiving && ageMs >= recentMs) continue;
        const subjects = await this.#options.traces.subjectsBelow(tenant, subjectOf(erased));
        const sealed = isLiving ? await this.#options.census.sealedBy(tenant, subjects) : new Map();
        await this.#finish(tenant, erased, meta, [...sealed.keys()]);
      }
    }
    return completed;
  }

  async #erase(
    tenant: TenantId,
    erased: Erased,
    why: Why,
    sealed: ReadonlyMap<string, number>,
  ): Promise<ErasureReport> {
    const { store } = this.#options;
    const meta = this.#meta(why, [subjectOf(erased)]);
    for (let attempt = 1; ; attempt++) {
      const { head } = await store.load(tenant, erasureStream);
      const event = { type: 'SubjectErased', version: 1, data: erased } as const;
      const subject = erasureSubject;
      const outcome = await store.append(tenant, [
        { stream: erasureStream, head, subject, owner: subject, events: [{ event, meta }] },
      ]);
      if (outcome.kind === 'appended') break;
      if (attempt >= 5) throw new Error('Others erase at the same time; try again.');
    }
    const done = await this.#finish(tenant, erased, meta, [...sealed.keys()]);
    return { erased, at: meta.at, ...done };
  }

  /** @param streams that the key seals; none when it is gone already. */
  async #finish(tenant: TenantId, erased: Erased, { at, actor, cause }: EventMeta, streams: readonly string[]) {
    const { keys, blobs, traces, settled, forgetElsewhere } = this.#options;
    const subject = subjectOf(erased);
    const subjects = await traces.subjectsBelow(tenant, subject);
    const named = await this.#blobsIn(tenant, streams as StreamName[]);
    // In this order, so that a key that is gone is gone elsewhere too.
    if ((await keys.find(tenant, [subject])).size > 0) {
      const why: Why = cause?.reason === undefined ? { actor } : { actor, reason: cause.reason };
      await forgetElsewhere({ tenant, at, erased, subjects, why });
      await keys.destroy(tenant, subject);
    }
    if (named.length > 0) await blobs.remove(tenant, named, farFuture);
    await settled(tenant);
    if (erased.subject === 'item') await traces.purgeItem(tenant, erased.item as ItemId, erased.collection);
    else {
      const devices = streams.flatMap((stream) => idOfStream(stream as StreamName, 'device') ?? []);
      await traces.purgePerson(tenant, erased.account as AccountId, { items: itemsIn(subjects), devices });
    }
    return { blobs: named.length, unvacuumed: streams.length > 0 ? await traces.rewriteDeadRows() : [] };
  }

  /** What the events of these streams name in the blob store. */
  async #blobsIn(tenant: TenantId, streams: readonly StreamName[]): Promise<BlobHash[]> {
    const found = new Set<BlobHash>();
    for (let at = 0; at < streams.length; at += streamsTogether) {
      const pages = await this.#options.store.loadMany(tenant, streams.slice(at, at + streamsTogether));
      for (const { events } of pages.values())
        for (const event of events) for (const { blob } of namedInEvent(event)) found.add(blob);
    }
    return [...found];
  }

  async #kindOf(tenant: TenantId, item: ItemId) {
    const names = itemKinds.map((kind) => itemStream(kind, item));
    const pages = await this.#options.store.loadMany(tenant, names);
    return itemKinds.find((kind) => pages.has(itemStream(kind, item)));
  }

  async #remove(tenant: TenantId, item: ItemId, kind: (typeof itemKinds)[number], owner: AccountId, why: Why) {
    const { items, now, commandId, nonce } = this.#options;
    await items.execute(tenant, [
      {
        ...{ item, kind, owner, actor: why.actor, at: now(), cause: causeOf(why) },
        commandId: commandId(['erase', item, nonce()]),
        command: { do: 'remove', base: null, rule: 'clientWins' },
      },
    ]);
    await this.#options.settled(tenant);
  }

  /** `gone`, or why that is not known. An item the office never heard of is gone there. */
  async #officeSays(tenant: TenantId, item: ItemId, withinMs: number): Promise<string> {
    const { store, traces } = this.#options;
    for (const untilMs = performance.now() + withinMs; ; ) {
      const { events } = await store.load(tenant, linkStream(item));
      const link = foldPage<typeof noLink, LinkEvent>({ initial: noLink, evolve: evolveLink }, events);
      const { open, refused } = await traces.openWriteBacks(tenant, item);
      if (open === 0 && !link.held && !link.attempt) return 'gone';
      if (open === 0 && refused !== null) return `the office refused it: ${refused}`;
      if (performance.now() >= untilMs) return 'the office has not answered yet';
      await new Promise((resolve) => setTimeout(resolve, officePauseMs));
    }
  }

  #meta(why: Why, parts: readonly string[]): EventMeta {
    const { now, commandId, nonce } = this.#options;
    return { at: now(), actor: why.actor, commandId: commandId(['erase', ...parts, nonce()]), cause: causeOf(why) };
  }
}

function causeOf({ reason }: Why): Cause {
  return { command: 'erase', ...(reason === undefined ? {} : { reason }) };
}

const sum = (streams: ReadonlyMap<string, number>): number => [...streams.values()].reduce((all, one) => all + one, 0);

function itemsIn(subjects: readonly SubjectId[]): ItemId[] {
  return subjects.flatMap((subject) => (subject.startsWith('item-') ? [subject.slice(5) as ItemId] : []));
}
