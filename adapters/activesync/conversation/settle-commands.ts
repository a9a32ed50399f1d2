/** Carries planned commands out, and says what their results mean for the device and for what it holds. */
import type { ItemCommand, PastEvent } from '../../../domain/item/decide.ts';
import type { Fields } from '../../../domain/item/fields.ts';
import { fold, type ItemState } from '../../../domain/item/state.ts';
import type { ItemId } from '../../../domain/shared/ids.ts';
import type { HoldingOp } from '../../../domain/sync/events.ts';
import { isVague } from '../../../domain/sync/resets.ts';
import type { Held } from '../../../domain/sync/state.ts';
import type { ItemRow } from '../../../projections/item-view/read.ts';
import type { ItemRequest, ItemResult } from '../../items/item-commands.ts';
import { syncStatus } from '../status.ts';
import { laterEdit } from './claims.ts';
import type {
  ClientCommand,
  CommandPlan,
  CommandResponse,
  CommandsDeps,
  CommandsInput,
  CommandsResult,
  Planned,
} from './commands.ts';
import { digest } from './plan-commands.ts';
import { rendering, settleClaim, settleCopy } from './settle-claims.ts';

/** Carries the commands out, those that were carried out before included: their results are as they were then. */
export async function execute(
  deps: CommandsDeps,
  input: CommandsInput,
  { planned, requests }: CommandPlan,
): Promise<readonly ItemResult[]> {
  return await withLaterEdits(deps, input, planned, requests, await deps.items.execute(input.id.tenant, requests));
}

/**
 * An Add that is sent again may have been edited on the phone since. It is the same item; what differs from the first
 * Add is a change of it.
 */
async function withLaterEdits(
  deps: CommandsDeps,
  input: CommandsInput,
  planned: readonly Planned[],
  requests: readonly ItemRequest[],
  results: readonly ItemResult[],
): Promise<readonly ItemResult[]> {
  const claims = new Map(planned.map(({ request, claim }) => [request, claim]));
  const edits = requests.flatMap((request, index) => {
    const { command } = request;
    const result = results[index];
    if (!result?.repeated) return [];
    const again = (fields: Fields, edit: ItemRequest['command']) => {
      const commandId = deps.commandId([request.commandId, 'edited', digest(Buffer.from(JSON.stringify(fields)))]);
      return [{ index, request: { ...request, commandId, command: edit } }];
    };
    const claim = claims.get(request);
    if (claim) return again(claim.fields, laterEdit(claim.fields, result.revision));
    if (typeof command === 'function' || command.do !== 'add') return [];
    const { fields } = command;
    const edit = (history: readonly PastEvent[]): ItemCommand => {
      const first = fold(history.slice(0, 1));
      const cleared = Object.keys(first?.fields ?? {}).filter((name) => fields[name] === undefined);
      return { do: 'change', base: 0, rule: 'clientWins', patch: { set: fields, cleared } };
    };
    return again(fields, edit);
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

/** What the results mean for the device and for what it holds. */
export async function settleAll(
  deps: CommandsDeps,
  input: CommandsInput,
  { planned, held: before, rows, hold }: CommandPlan,
  results: readonly ItemResult[],
): Promise<CommandsResult> {
  const out: CommandsResult = { responses: [], ops: [], later: new Set(), ...(hold ? { hold } : {}) };
  const held = new Map(before);
  let at = 0;
  for (const { command, request, response, held: kept, claim, copyOf, isForward } of planned) {
    if (isForward) at++;
    else if (request && claim) settleClaim(input, command, request, claim, results[at++] as ItemResult, held, out);
    else if (request && copyOf) settleCopy(copyOf, request, results[at++] as ItemResult, held, out);
    else if (request) settle(input, command, request, results[at++] as ItemResult, held, out);
    else if (kept) settleHeld(kept, held, out);
    else if (response) refuse(command, response, held, out);
    else if (command.do === 'delete' && held.has(command.item)) out.ops.push([command.item, 'delete', 0, '']);
    else if (command.do === 'fetch') out.responses.push(await fetch(deps, input, command.item, rows.get(command.item)));
  }
  return out;
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
    const isErased = decision.kind === 'unreadable' && decision.status === syncStatus.objectNotFound;
    if (decision.kind === 'unreadable' && !isErased) {
      out.responses.push({ do: 'add', status: decision.status, clientId: command.clientId });
      return;
    }
    const { version, hash } = rendering(input, state);
    note('add', version, hash);
    if (isErased) {
      // Sent again, and erased in between: the phone has it still, under an id by which it can be taken off.
      note('stale');
      out.later.add(item);
    }
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
    const isGone = status === syncStatus.objectNotFound && !isDelete;
    refuseHolding(command, item, known ?? (isGone ? evident(item, state, out) : undefined), out);
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
    if (!known && state?.removed) evident(item, state, out);
    out.ops.push([item, 'stale', 0, '']);
    return;
  }
  const { version, hash } = rendering(input, state);
  // Of what the device held in a state that nobody vouches for it may have told a part only.
  const { cause } = input.conversation.state ?? {};
  const beganHolding = cause !== undefined && cause !== 'syncKeyZero';
  const isToSend = beganHolding && known !== undefined && isVague(known) && hash !== '';
  note(known ? 'change' : 'add', version, isToSend ? '' : hash);
  if (isToSend) out.ops.push([item, 'stale', 0, '']);
}

/** Who changes an item holds it, also where a restored log knows nothing of that: it must hear that the item is gone. */
function evident(item: ItemId, state: ItemState | null, out: CommandsResult): Held {
  const held: Held = { version: state?.version ?? 0, hash: '' };
  out.ops.push([item, 'change', held.version, held.hash]);
  return held;
}

/** For the device it is done; what it has emptied it holds as something that no rendering is. */
function settleHeld(
  { item, do: what }: NonNullable<Planned['held']>,
  held: Map<ItemId, Held>,
  out: CommandsResult,
): void {
  const known = held.get(item);
  if (what === 'delete') {
    out.ops.push([item, 'delete', 0, '']);
    held.delete(item);
  } else if (known) {
    out.ops.push([item, 'change', known.version, '']);
  }
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
