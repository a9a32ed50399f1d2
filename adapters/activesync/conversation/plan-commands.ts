/** Makes commands on items of what a device asks, and finds those that are refused before anything is decided. */
import { createHash } from 'node:crypto';
import type { Folder } from '../../../domain/folder/state.ts';
import type { PastEvent } from '../../../domain/item/decide.ts';
import type { Fields } from '../../../domain/item/fields.ts';
import { fold, type ItemState } from '../../../domain/item/state.ts';
import type { Cause } from '../../../domain/shared/event.ts';
import type { CommandId, DeviceKey, Instant, ItemId } from '../../../domain/shared/ids.ts';
import type { Held } from '../../../domain/sync/state.ts';
import type { ItemRow } from '../../../projections/item-view/read.ts';
import { itemIdFrom } from '../../ids.ts';
import type { ItemRequest, Refusal } from '../../items/item-commands.ts';
import type { BodyPreference, ParseContext } from '../classes/port.ts';
import { actorOf, causeOf, itemsOf, ownerOf } from '../session.ts';
import { syncStatus } from '../status.ts';
import { encodeTree } from '../wbxml/writer.ts';
import { adoptable, adoption } from './adopt.ts';
import { withClaims } from './claims.ts';
import type { ClientCommand, CommandPlan, CommandsDeps, CommandsInput, Planned } from './commands.ts';
import { type Copy, changeOfCopy, copiesOf } from './copies.ts';
import { sentBefore } from './sent-before.ts';

export async function planCommands(deps: CommandsDeps, input: CommandsInput): Promise<CommandPlan> {
  const { commands } = input;
  if (commands.length === 0) return { planned: [], requests: [], held: new Map(), rows: new Map() };
  const spoken = commands.flatMap((command) => (command.do === 'add' ? [] : [command.item]));
  const held = await heldOf(deps, input, spoken);
  const found = await deps.view.byItems(input.id.tenant, itemsOf(input.folder), [...new Set(spoken)]);
  const rows = new Map(found.map((row) => [row.item, row]));
  const counts = new Map<string, number>();
  const lost = await adoptable(deps, input, rows);
  const authors = await addAuthors(deps, input);
  const copies = await copiesOf(deps, input, held, rows);
  const asked = commands.map((command) => {
    const author = command.do === 'add' ? (authors.get(command) ?? input.id.device) : input.author;
    const by = { ...input, author };
    const copy = command.do === 'change' ? copies.get(command.item) : undefined;
    return copy ? planCopy(deps, by, command, copy) : plan(deps, by, command, held, rows, lost, counts);
  });
  const { planned, held: claimed } = await withClaims(deps, input, asked, (items) => heldOf(deps, input, items));
  for (const [item, known] of claimed) held.set(item, known);
  return { planned, requests: planned.flatMap(({ request }) => (request ? [request] : [])), held, rows };
}

/** Under which of its former ids the device sent an Add before. With a key of its own all Adds are its own. */
async function addAuthors(deps: CommandsDeps, input: CommandsInput): Promise<ReadonlyMap<ClientCommand, DeviceKey>> {
  const found = new Map<ClientCommand, DeviceKey>();
  const adds = input.commands.flatMap((command) => (command.do === 'add' ? [command] : []));
  if (input.author === input.id.device || adds.length === 0) return found;
  for (const author of new Set([input.author, ...((await deps.kin?.formerSelves(input.session)) ?? [])])) {
    const counts = new Map<string, number>();
    const planned = adds.map((command) => planAdd(deps, { ...input, author }, command, counts));
    for (const command of await sentBefore(deps, input, planned)) {
      if (!found.has(command)) found.set(command, author);
    }
  }
  return found;
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
  lost: ReadonlySet<ItemId>,
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
  if (!row && command.do === 'delete') return { command };
  if (!row && !lost.has(item)) return answer(syncStatus.objectNotFound);
  if (input.folder.access !== 'write') return answer(syncStatus.conflict);
  const content = command.do === 'change' && command.data ? digest(encodeTree(command.data)) : '';
  const parts = [command.do, item, instanceId ?? '', content];
  const kind = row?.kind ?? input.folder.kind;
  const claimedAt = command.do === 'change' && command.data ? deps.classOf(kind).claimedAt?.(command.data) : undefined;
  const made = row ? change(deps, input, command, known) : adopt(deps, input, command);
  return { command, request: requestFor(deps, input, kind, item, parts, made, claimedAt) };
}

function planCopy(deps: CommandsDeps, input: CommandsInput, command: ClientCommand, copy: Copy): Planned {
  if (command.do !== 'change' || !command.data) return { command };
  const { item, instanceId, data } = command;
  const { kind } = input.folder;
  const parts = ['change', item, instanceId ?? '', digest(encodeTree(data))];
  const claimedAt = deps.classOf(kind).claimedAt?.(data);
  const made = changeOfCopy(copy, (known) => {
    const context = { ...parseContext(input, 'change'), known, ...(instanceId ? { instanceId } : {}) };
    return deps.classOf(kind).parse(data, context);
  });
  return { command, request: requestFor(deps, input, kind, copy.to, parts, made, claimedAt), copyOf: item };
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
      cause: keyedCause(input, 'Sync Add', itemClass.claimedAt?.(data)),
      owner: ownerOf(folder, session),
      command: { do: 'add', kind: folder.kind, owner: ownerOf(folder, session), collection: itemsOf(folder), fields },
    },
  };
}

function adopt(
  deps: CommandsDeps,
  input: CommandsInput,
  command: ClientCommand & { do: 'change' | 'delete' },
): ItemRequest['command'] {
  const { folder, session } = input;
  const place = { kind: folder.kind, owner: ownerOf(folder, session), collection: itemsOf(folder) };
  const data = command.do === 'change' ? command.data : undefined;
  return adoption(deps.classOf(folder.kind), parseContext(input, 'add'), data, place);
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
  claimedAt: Instant | undefined,
): ItemRequest {
  const { folder, session } = input;
  const id = commandId(deps, input, parts);
  return {
    item,
    kind,
    commandId: id,
    actor: actorOf(session),
    at: deps.now(),
    cause: keyedCause(input, parts[0] === 'delete' ? 'Sync Delete' : 'Sync Change', claimedAt),
    owner: ownerOf(folder, session),
    command,
  };
}

function commandId(deps: CommandsDeps, input: CommandsInput, parts: readonly string[]): CommandId {
  return deps.commandId(['phone', input.author, input.id.collection, input.keyName, ...parts]);
}

function keyedCause({ session, keyName }: CommandsInput, command: string, claimedAt: Instant | undefined): Cause {
  return { ...causeOf(session, command), key: keyName, ...(claimedAt ? { claimedAt } : {}) };
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

export function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url');
}
