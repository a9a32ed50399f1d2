/**
 * The commands of a device in one Sync request: each becomes a command on its item, with an id made of what makes it
 * itself (device, folder, key, client's or server's id, content), so that the same one sent twice is one.
 */
import { createHash } from 'node:crypto';
import type { Folder } from '../../../domain/folder/state.ts';
import type { ItemCommand, PastEvent } from '../../../domain/item/decide.ts';
import type { Fields } from '../../../domain/item/fields.ts';
import { fold, type ItemState } from '../../../domain/item/state.ts';
import type { CollectionId, CommandId, Instant, ItemId, Position, TenantId } from '../../../domain/shared/ids.ts';
import type { Standpoint } from '../../../domain/sync/decide.ts';
import type { Holding, HoldingOp, SyncOptions } from '../../../domain/sync/events.ts';
import type { Held } from '../../../domain/sync/state.ts';
import type { ItemRow, ItemViewReader } from '../../../projections/item-view/read.ts';
import { itemIdFrom } from '../../ids.ts';
import type { ItemCommands, ItemRequest, ItemResult, Refusal } from '../../items/item-commands.ts';
import type { BodyPreference, ItemClass, ParseContext } from '../classes/port.ts';
import { actorOf, itemsOf, ownerOf, type Session } from '../session.ts';
import { syncStatus } from '../status.ts';
import type { Element } from '../wbxml/element.ts';
import type { Fragment } from '../wbxml/writer.port.ts';
import { encodeTree } from '../wbxml/writer.ts';
import type { Renderer } from './renderer.ts';
import type { Conversation, ConversationId, ConversationStore } from './store.ts';

export type ClientCommand =
  | { readonly do: 'add'; readonly clientId: string; readonly data: Element | undefined }
  | { readonly do: 'change'; readonly item: ItemId; readonly instanceId?: string; readonly data: Element | undefined }
  | { readonly do: 'delete'; readonly item: ItemId; readonly instanceId?: string }
  | { readonly do: 'fetch'; readonly item: ItemId };

/** What the answer says of one command; successful changes and deletes are not mentioned (MS-ASCMD 2.2.3.154). */
export interface CommandResponse {
  readonly do: ClientCommand['do'];
  readonly status: number;
  readonly clientId?: string;
  readonly item?: ItemId;
  readonly instanceId?: string;
  readonly data?: Fragment;
}

export interface CommandsDeps {
  readonly items: ItemCommands;
  readonly view: ItemViewReader;
  readonly conversations: ConversationStore;
  readonly classOf: (kind: Folder['kind']) => ItemClass;
  readonly open: (tenant: TenantId, rows: readonly ItemRow[]) => Promise<Map<ItemId, Fields>>;
  readonly commandId: (parts: readonly string[]) => CommandId;
  readonly nonce: () => string;
  readonly now: () => Instant;
  /** The position of the folder's last change that the view shows. */
  readonly folderHead: (tenant: TenantId, collection: CollectionId) => Position | Promise<Position>;
  /** The positions of the folder's rows that moved after the given one, where memory knows them all. */
  readonly movedSince: (
    tenant: TenantId,
    collection: CollectionId,
    position: Position,
  ) => readonly Position[] | undefined;
}

export interface CommandsInput {
  readonly session: Session;
  readonly folder: Folder;
  readonly id: ConversationId;
  readonly conversation: Conversation;
  readonly standpoint: Standpoint;
  readonly renderer: Renderer;
  readonly keyName: string;
  readonly conflict: SyncOptions['conflict'];
  readonly supported: readonly number[] | null;
  readonly bodyPreferences: SyncOptions['bodyPreferences'];
  readonly commands: readonly ClientCommand[];
}

export interface CommandsResult {
  readonly responses: CommandResponse[];
  /** What the commands did to what the device holds, in order. */
  readonly ops: Holding[];
}

type Planned = { readonly command: ClientCommand; readonly request?: ItemRequest; readonly response?: CommandResponse };

/** The commands of a request, ready to be carried out. */
export interface CommandPlan {
  readonly planned: readonly Planned[];
  readonly requests: readonly ItemRequest[];
  readonly held: ReadonlyMap<ItemId, Held>;
  readonly rows: ReadonlyMap<ItemId, ItemRow>;
}

export async function planCommands(deps: CommandsDeps, input: CommandsInput): Promise<CommandPlan> {
  const { commands } = input;
  if (commands.length === 0) return { planned: [], requests: [], held: new Map(), rows: new Map() };
  const spoken = commands.flatMap((command) => (command.do === 'add' ? [] : [command.item]));
  const held = await heldOf(deps, input, spoken);
  const found = await deps.view.byItems(input.id.tenant, itemsOf(input.folder), [...new Set(spoken)]);
  const rows = new Map(found.map((row) => [row.item, row]));
  const counts = new Map<string, number>();
  const planned = commands.map((command) => plan(deps, input, command, held, rows, counts));
  return { planned, requests: planned.flatMap(({ request }) => (request ? [request] : [])), held, rows };
}

/** Carries the commands out, those that were carried out before included: their results are as they were then. */
export async function execute(
  deps: CommandsDeps,
  input: CommandsInput,
  { requests }: CommandPlan,
): Promise<readonly ItemResult[]> {
  return await withLaterEdits(deps, input, requests, await deps.items.execute(input.id.tenant, requests));
}

/** What the results mean for the device and for what it holds. */
export async function settleAll(
  deps: CommandsDeps,
  input: CommandsInput,
  { planned, held: before, rows }: CommandPlan,
  results: readonly ItemResult[],
): Promise<CommandsResult> {
  const out: CommandsResult = { responses: [], ops: [] };
  const held = new Map(before);
  let at = 0;
  for (const { command, request, response } of planned) {
    if (request) settle(input, command, request, results[at++] as ItemResult, held, out);
    else if (response) refuse(command, response, held, out);
    else if (command.do === 'fetch') out.responses.push(await fetch(deps, input, command.item, rows.get(command.item)));
  }
  return out;
}

/**
 * An Add that is sent again may have been edited on the phone since. It is the same item; what differs from the first
 * Add is a change of it.
 */
async function withLaterEdits(
  deps: CommandsDeps,
  input: CommandsInput,
  requests: readonly ItemRequest[],
  results: readonly ItemResult[],
): Promise<readonly ItemResult[]> {
  const edits = requests.flatMap((request, index) => {
    const { command } = request;
    if (!results[index]?.repeated || typeof command === 'function' || command.do !== 'add') return [];
    const { fields } = command;
    const commandId = deps.commandId([request.commandId, 'edited', digest(Buffer.from(JSON.stringify(fields)))]);
    const edit = (history: readonly PastEvent[]): ItemCommand => {
      const first = fold(history.slice(0, 1));
      const cleared = Object.keys(first?.fields ?? {}).filter((name) => fields[name] === undefined);
      return { do: 'change', base: 0, rule: 'clientWins', patch: { set: fields, cleared } };
    };
    return [{ index, request: { ...request, commandId, command: edit } }];
  });
  if (edits.length === 0) return results;
  const after = await deps.items.execute(
    input.id.tenant,
    edits.map(({ request }) => request),
  );
  const merged = [...results];
  edits.forEach(({ index }, at) => {
    merged[index] = after[at] as ItemResult;
  });
  return merged;
}

async function heldOf(deps: CommandsDeps, input: CommandsInput, items: readonly ItemId[]): Promise<Map<ItemId, Held>> {
  const { overlay } = input.standpoint;
  const held = await deps.conversations.held(
    input.id,
    input.conversation,
    items.filter((item) => !overlay.has(item)),
  );
  for (const item of items) {
    const now = overlay.get(item);
    if (now) held.set(item, now);
  }
  return held;
}

function plan(
  deps: CommandsDeps,
  input: CommandsInput,
  command: ClientCommand,
  held: ReadonlyMap<ItemId, Held>,
  rows: ReadonlyMap<ItemId, ItemRow>,
  counts: Map<string, number>,
): Planned {
  if (command.do === 'fetch') return { command };
  if (command.do === 'add') return planAdd(deps, input, command, counts);
  const { item, instanceId } = command;
  const row = rows.get(item);
  const known = held.get(item);
  const answer = (status: number): Planned => ({
    command,
    response: { do: command.do, status, item, ...(instanceId ? { instanceId } : {}) },
  });
  if (!row) return command.do === 'delete' ? { command } : answer(syncStatus.objectNotFound);
  if (input.folder.access !== 'write') return answer(syncStatus.conflict);
  const content = command.do === 'change' && command.data ? digest(encodeTree(command.data)) : '';
  const parts = [command.do, item, instanceId ?? '', content];
  return { command, request: requestFor(deps, input, row.kind, item, parts, change(deps, input, command, known)) };
}

function planAdd(
  deps: CommandsDeps,
  input: CommandsInput,
  command: ClientCommand & { do: 'add' },
  counts: Map<string, number>,
): Planned {
  const { folder, session } = input;
  const { clientId, data } = command;
  const answer = (status: number): Planned => ({ command, response: { do: 'add', status, clientId } });
  if (!data || clientId === '' || folder.access !== 'write') return answer(syncStatus.conversionError);
  const itemClass = deps.classOf(folder.kind);
  const parsed = itemClass.parse(data, parseContext(input, 'add'));
  if (parsed.kind === 'refused') return answer(parsed.status);
  // Some clients count ClientIds anew or use one twice in a request: the place among equals tells them apart.
  const nth = counts.get(clientId) ?? 0;
  counts.set(clientId, nth + 1);
  const parts = ['add', clientId, String(nth)];
  const id = commandId(deps, input, parts);
  const fields = withoutCleared(parsed.patch.set);
  return {
    command,
    request: {
      item: itemIdFrom(id),
      kind: folder.kind,
      commandId: id,
      actor: actorOf(session),
      at: deps.now(),
      owner: ownerOf(folder, session),
      command: { do: 'add', kind: folder.kind, owner: ownerOf(folder, session), collection: itemsOf(folder), fields },
    },
  };
}

/** The command is made from the fields that the device knew, so it is made when the item's history is at hand. */
function change(
  deps: CommandsDeps,
  input: CommandsInput,
  command: ClientCommand & { do: 'change' | 'delete' },
  held: Held | undefined,
): ItemRequest['command'] {
  const rule = input.conflict;
  return (history: readonly PastEvent[]) => {
    const base = held?.version ?? null;
    const known = fold(base === null ? history : history.filter((event) => event.revision <= base));
    if (!known) return unreadable(syncStatus.objectNotFound, 'the item has no history');
    if (isHidden(input, known)) return unreadable(syncStatus.conflict, 'a private item of another person');
    if (command.do === 'delete' && !command.instanceId) return { do: 'remove', base, rule };
    const itemClass = deps.classOf(known.kind);
    const context = {
      ...parseContext(input, 'change', known),
      ...(command.instanceId ? { instanceId: command.instanceId } : {}),
    };
    if (command.do === 'delete') {
      const deleted = itemClass.deleteInstance?.(context);
      if (!deleted) return unreadable(syncStatus.conversionError, 'the class has no occurrences');
      return deleted.kind === 'refused'
        ? unreadable(deleted.status, deleted.reason)
        : { do: 'change', base, rule, patch: deleted.patch };
    }
    if (!command.data) return unreadable(syncStatus.conversionError, 'no ApplicationData');
    const parsed = itemClass.parse(command.data, context);
    if (parsed.kind === 'refused') return unreadable(parsed.status, parsed.reason);
    return { do: 'change', base, rule, patch: parsed.patch };
  };
}

function parseContext(input: CommandsInput, operation: 'add' | 'change', known?: ItemState): ParseContext {
  const { session, supported } = input;
  return {
    version: session.version,
    operation,
    supported: supported ? new Set(supported) : null,
    timeZone: session.timeZone,
    email: session.email,
    bodyPreferences: input.bodyPreferences as readonly BodyPreference[],
    ...(known ? { known: known.fields } : {}),
  };
}

function requestFor(
  deps: CommandsDeps,
  input: CommandsInput,
  kind: Folder['kind'],
  item: ItemId,
  parts: readonly string[],
  command: ItemRequest['command'],
): ItemRequest {
  const { folder, session } = input;
  const id = commandId(deps, input, parts);
  return {
    item,
    kind,
    commandId: id,
    actor: actorOf(session),
    at: deps.now(),
    owner: ownerOf(folder, session),
    command,
  };
}

function commandId(deps: CommandsDeps, input: CommandsInput, parts: readonly string[]): CommandId {
  return deps.commandId(['phone', input.id.device, input.id.collection, input.keyName, ...parts]);
}

/** What the result of a command means for the device, and whether it must be told. */
function settle(
  input: CommandsInput,
  command: ClientCommand,
  request: ItemRequest,
  result: ItemResult,
  held: Map<ItemId, Held>,
  out: CommandsResult,
): void {
  const { item } = request;
  const { decision, state } = result;
  const known = held.get(item);
  const note = (op: HoldingOp, version = 0, hash = ''): void => {
    out.ops.push([item, op, version, hash]);
    if (op === 'delete') held.delete(item);
    else if (op !== 'stale') held.set(item, { version, hash });
  };
  const instance = 'instanceId' in command && command.instanceId ? { instanceId: command.instanceId } : {};

  if (command.do === 'add') {
    if (decision.kind === 'unreadable') {
      out.responses.push({ do: 'add', status: decision.status, clientId: command.clientId });
      return;
    }
    const { version, hash } = rendering(input, state);
    note('add', version, hash);
    if (decision.kind === 'accepted' && decision.merged) note('stale');
    out.responses.push({ do: 'add', status: syncStatus.success, clientId: command.clientId, item });
    return;
  }
  if (command.do === 'fetch') return;
  const isDelete = command.do === 'delete' && !command.instanceId;

  if (decision.kind !== 'accepted') {
    const status = decision.kind === 'unreadable' ? decision.status : syncStatus.objectNotFound;
    if (isDelete && status === syncStatus.objectNotFound) {
      note('delete', state?.version);
      return;
    }
    out.responses.push({ do: command.do, status, item, ...instance });
    refuseHolding(command, item, known, out);
    return;
  }
  if (isDelete) {
    note('delete', state?.version);
    if (decision.conflict === 'client') {
      out.responses.push({ do: 'delete', status: syncStatus.conflict, item });
      out.ops.push([item, 'stale', 0, '']);
    }
    return;
  }
  if (decision.conflict === 'client') {
    const status = state?.removed ? syncStatus.objectNotFound : syncStatus.conflict;
    out.responses.push({ do: command.do, status, item, ...instance });
  }
  if (decision.merged || state?.removed) {
    out.ops.push([item, 'stale', 0, '']);
    return;
  }
  const { version, hash } = rendering(input, state);
  note(known ? 'change' : 'add', version, hash);
}

/** A refused command leaves the device with something else than we have: what it holds must be sent anew. */
function refuse(command: ClientCommand, response: CommandResponse, held: Map<ItemId, Held>, out: CommandsResult): void {
  out.responses.push(response);
  if (command.do === 'change' || command.do === 'delete') {
    refuseHolding(command, command.item, held.get(command.item), out);
  }
}

function refuseHolding(command: ClientCommand, item: ItemId, known: Held | undefined, out: CommandsResult): void {
  if (!known) return;
  if (command.do === 'delete' && !command.instanceId) out.ops.push([item, 'delete', 0, '']);
  out.ops.push([item, 'stale', 0, '']);
}

function rendering(input: CommandsInput, state: ItemState | null): { version: number; hash: string } {
  if (!state) return { version: -1, hash: '' };
  // What cannot be rendered is held under no hash; the next look at it finds and reports that.
  try {
    return { version: state.version, hash: input.renderer.render(state.fields).hash };
  } catch {
    return { version: state.version, hash: '' };
  }
}

async function fetch(
  deps: CommandsDeps,
  input: CommandsInput,
  item: ItemId,
  row: ItemRow | undefined,
): Promise<CommandResponse> {
  if (!row || row.deleted) return { do: 'fetch', status: syncStatus.objectNotFound, item };
  const fields = (await deps.open(input.id.tenant, [row])).get(item);
  if (!fields) return { do: 'fetch', status: syncStatus.objectNotFound, item };
  try {
    return { do: 'fetch', status: syncStatus.success, item, data: input.renderer.render(fields).fragment };
  } catch {
    return { do: 'fetch', status: syncStatus.conversionError, item };
  }
}

/** Private items of another person are shown as times only, so they cannot be changed either. */
function isHidden(input: CommandsInput, state: ItemState): boolean {
  const { sensitivity } = state.fields as { sensitivity?: string };
  return input.folder.owner !== undefined && (sensitivity === 'private' || sensitivity === 'confidential');
}

function unreadable(status: number, reason: string): Refusal {
  return { kind: 'unreadable', status, reason };
}

function withoutCleared(set: Partial<Fields>): Fields {
  return Object.fromEntries(Object.entries(set).filter(([, value]) => value !== undefined));
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url');
}
