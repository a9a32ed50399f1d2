/**
 * The sync engine put together: items, conversations, what phones wait for. Knows no transport and no office; the
 * composition root gives it the log, the read models and the folders.
 */
import { randomUUID } from 'node:crypto';
import type { Kysely } from 'kysely';
import { calendarClass } from '../adapters/activesync/classes/calendar/index.ts';
import { contactsClass } from '../adapters/activesync/classes/contacts/contacts-class.ts';
import { notesClass } from '../adapters/activesync/classes/notes/notes-class.ts';
import type { ItemClass } from '../adapters/activesync/classes/port.ts';
import { tasksClass } from '../adapters/activesync/classes/tasks/tasks-class.ts';
import { syncHandler } from '../adapters/activesync/commands/sync/handle.ts';
import type { MassDeletes } from '../adapters/activesync/conversation/hold-back.ts';
import { KeyChecks } from '../adapters/activesync/conversation/key-checks.ts';
import { RecentLosses } from '../adapters/activesync/conversation/recent-losses.ts';
import { type ConversationId, ConversationStore } from '../adapters/activesync/conversation/store.ts';
import type { Folders, SyncDeps } from '../adapters/activesync/deps.ts';
import type { CommandHandler } from '../adapters/activesync/request.ts';
import { zoneArithmetic } from '../adapters/activesync/time-zone/index.ts';
import { FolderHeads } from '../adapters/activesync/wake/folder-heads.ts';
import type { Turns } from '../adapters/cluster/turns.port.ts';
import type { KeyRing } from '../adapters/crypto.port.ts';
import type { EventStore } from '../adapters/event-log/event-store.port.ts';
import { commandIdFrom } from '../adapters/ids.ts';
import type { ItemBodies } from '../adapters/items/bodies.ts';
import { ItemCommands } from '../adapters/items/item-commands.ts';
import { rowOpener, wholeRowOpener } from '../adapters/items/open-rows.ts';
import { FolderCandidates } from '../adapters/matching/candidates.ts';
import type { AppointmentFields } from '../domain/appointment/fields.ts';
import { lastEnd } from '../domain/appointment/recurrence.ts';
import type { ItemKind } from '../domain/item/fields.ts';
import type { Instant, ItemId } from '../domain/shared/ids.ts';
import { defaultMassDeleteLimits, type MassDeleteLimits } from '../domain/sync/held-back.ts';
import type { TaskFields } from '../domain/task/fields.ts';
import { conflictsView } from '../projections/conflicts/project.ts';
import { heldBatches } from '../projections/held-batches/project.ts';
import { itemLog } from '../projections/item-log/project.ts';
import { itemView } from '../projections/item-view/project.ts';
import { type ItemView, ItemViewReader } from '../projections/item-view/read.ts';
import type { ItemFacts } from '../projections/item-view/rows.ts';
import type { AnyDatabase, Projection } from '../projections/runner/projection.ts';
import type { Progress, ProjectionRunner } from '../projections/runner/runner.ts';
import { syncView } from '../projections/sync/project.ts';
import { type SyncView, SyncViewReader } from '../projections/sync/read.ts';

export const itemClasses: Readonly<Record<ItemKind, ItemClass>> = {
  contact: contactsClass as ItemClass,
  appointment: calendarClass as ItemClass,
  task: tasksClass as ItemClass,
  note: notesClass as ItemClass,
};

/** What filters ask of an item (MS-ASCMD 2.2.3.68.2). */
export const itemFacts: ItemFacts = (kind, fields) => {
  if (kind === 'appointment') {
    return { endsAt: lastEnd(fields as AppointmentFields, zoneArithmetic) ?? null, open: true };
  }
  return { endsAt: null, open: kind !== 'task' || (fields as TaskFields).complete !== true };
};

/** The read models of the engine, for the runner. */
export function engineProjections(keys: KeyRing): Projection[] {
  return [itemView(keys, itemFacts), syncView(), itemLog(), heldBatches(), conflictsView()];
}

interface CommonOptions {
  /** The one over which `bodies` lies: loads give long bodies in place. */
  readonly store: EventStore;
  readonly bodies: Pick<ItemBodies, 'hasNamed' | 'inflate'>;
  readonly folders: Folders;
  /** 32 bytes, the same after every restart. */
  readonly syncKeySecret: Uint8Array;
  readonly now: () => Instant;
  /** The classes of items on the wire; `itemClasses` unless told. */
  readonly classes?: Readonly<Record<ItemKind, ItemClass>>;
  /** What a device may delete at once; the defaults unless told. */
  readonly massDeletes?: MassDeleteLimits;
  readonly onHeld?: MassDeletes['onHeld'];
  readonly kin?: SyncDeps['kin'];
  readonly onUnknownKey?: SyncDeps['onUnknownKey'];
  readonly onWithheld?: (id: ConversationId, item: ItemId, reason: string) => void;
  readonly onBegun?: SyncDeps['onBegun'];
  /** Among the nodes of one database; absent where there is one process only. */
  readonly turns?: Turns;
}

export interface EngineOptions extends CommonOptions {
  readonly db: Kysely<AnyDatabase>;
  readonly keys: KeyRing;
  readonly runner: ProjectionRunner;
}

/** An engine whose read models are somebody else's than the database's. */
export interface EngineParts extends CommonOptions {
  readonly items: ItemCommands;
  readonly itemView: ItemView;
  readonly syncView: SyncView;
  readonly progress: Progress;
  /** Opens rows of `itemView`, long bodies left aside. */
  readonly openRows: ReturnType<typeof rowOpener>;
  readonly nonce: () => string;
  /** Conversations and folders kept at hand; as many as ten thousand phones have unless told. */
  readonly cachedMax?: number;
}

export interface Engine {
  readonly items: ItemCommands;
  readonly itemView: ItemView;
  readonly syncView: SyncView;
  readonly conversations: ConversationStore;
  readonly heads: FolderHeads;
  readonly deps: SyncDeps;
  readonly sync: CommandHandler;
  close(): void;
}

export function buildEngine(options: EngineOptions): Engine {
  const { db, store, keys, runner, ...common } = options;
  return assembleEngine({
    ...common,
    store,
    items: new ItemCommands(store),
    itemView: new ItemViewReader(db),
    syncView: new SyncViewReader(db),
    progress: runner,
    openRows: rowOpener(keys),
    nonce: randomUUID,
  });
}

/** The engine over whatever answers for the log and the read models: the same for today and for a past. */
export function assembleEngine(parts: EngineParts): Engine {
  const { store, items, itemView, syncView, progress, bodies, openRows, folders, now, classes = itemClasses } = parts;
  const { cachedMax } = parts;
  const kept = { ...(cachedMax === undefined ? {} : { cachedMax }), ...(parts.turns ? { turns: parts.turns } : {}) };
  const conversations = new ConversationStore({ store, view: syncView, runner: progress, ...kept });
  const heads = new FolderHeads(progress, itemView, cachedMax);
  const massDeletes: MassDeletes = {
    limits: parts.massDeletes ?? defaultMassDeleteLimits,
    recent: new RecentLosses(),
    ...(parts.onHeld ? { onHeld: parts.onHeld } : {}),
  };
  const open = wholeRowOpener(openRows, bodies);
  const deps: SyncDeps = {
    items,
    view: itemView,
    conversations,
    heads,
    folders,
    now,
    massDeletes,
    candidates: new FolderCandidates({ view: itemView, openBriefly: openRows, open }),
    keyChecks: new KeyChecks(parts.syncKeySecret),
    classOf: (kind) => classes[kind],
    open,
    openBriefly: openRows,
    longBodies: (tenant, item, fields) => (bodies.hasNamed(fields) ? bodies.inflate(tenant, item, fields) : undefined),
    commandId: commandIdFrom,
    nonce: parts.nonce,
    movedSince: (tenant, collection, position) => heads.movedSince(tenant, collection, position),
    folderHead: (tenant, collection) => heads.peek(tenant, collection) ?? heads.head(tenant, collection),
    ...(parts.kin ? { kin: parts.kin } : {}),
    onUnknownKey: parts.onUnknownKey ?? (() => {}),
    onWithheld: parts.onWithheld ?? (() => {}),
    ...(parts.onBegun ? { onBegun: parts.onBegun } : {}),
  };
  return {
    items,
    itemView,
    syncView,
    conversations,
    heads,
    deps,
    sync: syncHandler(deps),
    close: () => {
      conversations.close();
      heads.close();
    },
  };
}
