/**
 * Everything that is known of a person, opened and in order, a line each: what the law calls a copy of the data. Of
 * other people there is nothing but that something of theirs was shared.
 */
import type { AccountEvent } from '../../domain/account/events.ts';
import { accountStream, foldersStream, idOfStream } from '../../domain/account/stream.ts';
import { type Erased, erasureStream } from '../../domain/erasure/events.ts';
import type { FolderEvent } from '../../domain/folder/events.ts';
import { evolveFolders, noFolders } from '../../domain/folder/state.ts';
import { parseItemType } from '../../domain/item/events.ts';
import { fold } from '../../domain/item/state.ts';
import type { Actor } from '../../domain/shared/event.ts';
import {
  type AccountId,
  type CollectionId,
  type Instant,
  type ItemId,
  NO_POSITION,
  type Position,
  type StreamName,
  type TenantId,
} from '../../domain/shared/ids.ts';
import { accountSubject, itemStream, parseSyncStream } from '../../domain/shared/streams.ts';
import { linkStream } from '../../domain/writeback/events.ts';
import type { ItemLogReader } from '../../projections/item-log/read.ts';
import { decodeWbxml } from '../activesync/wbxml/decode.ts';
import { formatXml } from '../activesync/wbxml/format.ts';
import type { Traces } from '../erasure/postgres/traces.ts';
import type { LogCensus } from '../event-log/census.ts';
import type { EventStore, RecordedEvent } from '../event-log/event-store.port.ts';
import { foldPage } from '../event-log/run-command.ts';
import type { ExchangeReader } from '../exchange-record/port.ts';
import { pastEvents } from '../items/item-commands.ts';

const exportKinds = [
  'person',
  'account',
  'folder',
  'device',
  'conversation',
  'item',
  'conflict',
  'exchange',
  'erasure',
  'done',
] as const;
export type ExportKind = (typeof exportKinds)[number];

export interface ExportLine {
  readonly kind: ExportKind;
  readonly [field: string]: unknown;
}

export interface ExportOptions {
  /** With long bodies in place. */
  readonly store: EventStore;
  readonly itemLog: Pick<ItemLogReader, 'find'>;
  readonly traces: Pick<Traces, 'sharesOf'>;
  readonly census: Pick<LogCensus, 'sealedBy'>;
  readonly exchanges: Pick<ExchangeReader, 'list' | 'body'>;
  readonly now: () => Instant;
}

export interface ExportedPerson {
  readonly tenant: TenantId;
  readonly account: AccountId;
  readonly email: string;
}

const pageSize = 200;

/** In the order of `exportKinds`, the last with how many there were of each. One item is in memory at a time. */
export async function* exportPerson(options: ExportOptions, person: ExportedPerson): AsyncGenerator<ExportLine> {
  const counts = new Map<ExportKind, number>();
  for await (const line of linesOf(options, person)) {
    counts.set(line.kind, (counts.get(line.kind) ?? 0) + 1);
    yield line;
  }
  yield { kind: 'done', counts: Object.fromEntries(counts) };
}

async function* linesOf(options: ExportOptions, person: ExportedPerson): AsyncGenerator<ExportLine> {
  const { store, traces, census, now } = options;
  const { tenant, account, email } = person;
  yield { kind: 'person', email, account, tenant, at: now(), position: await store.head(tenant) };

  const streams = [...(await census.sealedBy(tenant, [accountSubject(account)])).keys()];
  const of = (prefix: string): StreamName[] => streams.filter((name) => name.startsWith(prefix)).sort();
  const load = async (name: StreamName): Promise<Shown[]> =>
    (await store.load(tenant, name)).events.map((event) => shownTo(account, event));

  yield { kind: 'account', events: await load(accountStream(account)) };

  const tree = foldPage<typeof noFolders, FolderEvent>(
    { initial: noFolders, evolve: evolveFolders },
    (await store.load(tenant, foldersStream(account))).events,
  );
  const shown = new Set((await traces.sharesOf(account)).map(({ source }) => source));
  const own = new Set<CollectionId>();
  const foreign = new Set<CollectionId>();
  for (const folder of tree.values()) {
    const { collection, kind, displayName, parent, access, owner } = folder;
    (owner === undefined ? own : foreign).add(collection);
    yield owner === undefined
      ? { kind: 'folder', collection, class: kind, displayName, parent, isShownToOthers: shown.has(collection) }
      : { kind: 'folder', collection, class: kind, isOfAnotherPerson: true, access };
  }
  for (const name of of('device-')) {
    yield { kind: 'device', device: idOfStream(name, 'device'), events: await load(name) };
  }
  for (const name of of('hierarchy-')) {
    const events = (await load(name)).map((event) => ({ ...event, data: withoutNames(event.data, own) }));
    yield { kind: 'conversation', stream: name, events };
  }
  for (const name of [...of('sync-'), ...of('office-')]) {
    const collection = parseSyncStream(name)?.collection;
    // Which of another person's items were sent where is not this person's to know.
    const isForeign = collection !== undefined && foreign.has(collection);
    yield {
      kind: 'conversation',
      stream: name,
      ...(isForeign ? { isOfAnotherPerson: true } : { events: await load(name) }),
    };
  }
  yield* itemLines(options, person);
  yield* exchangeLines(options, person);

  for (const { type, data, meta } of (await store.load(tenant, erasureStream)).events) {
    const erased = data as Erased;
    if (type === 'SubjectErased' && erased.subject === 'item' && erased.owner === account)
      yield { kind: 'erasure', at: meta.at, item: erased.item, class: erased.kind, events: erased.events };
  }
}

async function* itemLines(options: ExportOptions, { tenant, account }: ExportedPerson): AsyncGenerator<ExportLine> {
  const { store, itemLog } = options;
  const seen = new Set<ItemId>();
  for (let after: Position = NO_POSITION; ; ) {
    const rows = await itemLog.find(tenant, { owner: account, verbs: ['Added'] }, { after, limit: pageSize });
    for (const { item, kind } of rows) {
      if (kind === null || seen.has(item)) continue;
      seen.add(item);
      const { events } = await store.load(tenant, itemStream(kind, item));
      const link = await store.load(tenant, linkStream(item));
      const state = fold(pastEvents(events));
      if (!state) continue;
      const { collection, removed, fields } = state;
      const history = events.map((event) => shownTo(account, event));
      const office = link.events.map((event) => shownTo(account, event));
      yield { kind: 'item', item, class: kind, collection, isRemoved: removed, fields, history, office };
      for (const { type, revision, data, at } of history)
        if (parseItemType(type)?.verb === 'ConflictKept')
          yield { kind: 'conflict', item, revision, at, ...(data as object) };
    }
    const last = rows.at(-1);
    if (!last || rows.length < pageSize) return;
    after = last.position;
  }
}

async function* exchangeLines({ exchanges }: ExportOptions, person: ExportedPerson): AsyncGenerator<ExportLine> {
  const { tenant, account } = person;
  for (let after: Parameters<ExchangeReader['list']>[0]['after']; ; ) {
    const page = await exchanges.list({ tenant, account, limit: pageSize, ...(after === undefined ? {} : { after }) });
    for (const exchange of page) {
      const body = exchange.hasBody ? await exchanges.body(exchange) : undefined;
      // What was answered may be of others, whose folders this person sees; what was sent is the person's own.
      yield {
        kind: 'exchange',
        ...exchange,
        ...(body ? { userAgent: body.userAgent, request: body.request && readable(body.request) } : {}),
      };
    }
    const last = page.at(-1);
    if (!last || page.length < pageSize) return;
    after = last.id;
  }
}

function readable(wbxml: Uint8Array): string {
  if (wbxml.length === 0) return '';
  const decoded = decodeWbxml(wbxml);
  return decoded.ok ? formatXml(decoded.root) : `not readable: ${decoded.reason}`;
}

interface Shown {
  readonly revision: number;
  readonly position: number;
  readonly at: string;
  readonly recordedAt: string;
  readonly by: Actor | { readonly kind: Actor['kind']; readonly isAnotherPerson: true };
  readonly cause?: unknown;
  readonly type: string;
  readonly data: unknown;
}

function shownTo(account: AccountId, event: RecordedEvent): Shown {
  const { revision, position, recordedAt, type, data, meta } = event;
  const { actor, cause, at } = meta;
  const isAnother = 'account' in actor && actor.account !== account;
  return {
    ...{ revision, position, at, recordedAt },
    by: isAnother ? { kind: actor.kind, isAnotherPerson: true } : actor,
    ...(cause ? { cause } : {}),
    ...{ type, data: withoutSecrets(type, data) },
  };
}

/** Passwords are nobody's to read, also not their owner's. */
function withoutSecrets(type: string, data: unknown): unknown {
  switch (type as AccountEvent['type']) {
    case 'PasswordSet':
      return {};
    case 'OfficeConnected': {
      const { password: _, ...rest } = data as Record<string, unknown>;
      return rest;
    }
    default:
      return data;
  }
}

/** Folders of other people are called by their names: of those that are not the person's own only the id is told. */
function withoutNames(data: unknown, own: ReadonlySet<string>): unknown {
  return JSON.parse(
    JSON.stringify(data, (_, value) =>
      Array.isArray(value) && typeof value[0] === 'string' && typeof value[1] === 'string' && !own.has(value[0])
        ? value.slice(0, 1)
        : value,
    ),
  );
}
