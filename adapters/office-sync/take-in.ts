/** Brings what the office changed in a record into its item: for crawls, and for the look before each write. */

import type { ConflictRule } from '../../domain/conflict/merge.ts';
import { difference, isEmpty } from '../../domain/conflict/paths.ts';
import { applyPatch, type ItemCommand } from '../../domain/item/decide.ts';
import type { Fields } from '../../domain/item/fields.ts';
import { hasUnsent, mergeOffice } from '../../domain/office/merge.ts';
import type { Actor, Cause } from '../../domain/shared/event.ts';
import type { AccountId, CommandId, Instant, TenantId } from '../../domain/shared/ids.ts';
import type { ItemCommands, ItemRequest, ItemResult } from '../items/item-commands.ts';
import { officePatch } from '../office/diff.ts';
import type { OfficeSystem } from '../office/port.ts';
import type { Snapshot } from './snapshots.ts';

export interface TakeInContext {
  readonly tenant: TenantId;
  readonly owner: AccountId;
  readonly actor: Actor;
  readonly at: Instant;
  readonly commandId: CommandId;
  readonly cause: Cause;
}

/** What would make the item be what the office holds; finer values and fields the office does not hold stay. */
export function deltaToOffice(office: OfficeSystem, snapshot: Snapshot, held: Fields) {
  const { kind, fields } = snapshot;
  const patch = officePatch(kind, fields, office.normalise(kind, fields) as Fields, held);
  return difference(fields, applyPatch(fields, patch));
}

/**
 * The command for what the office made of `base`; null when that changes nothing. `clientWins` is the office.
 */
export function takeIn(
  office: OfficeSystem,
  snapshot: Snapshot,
  base: Fields,
  now: Fields,
  rule: ConflictRule,
): ItemCommand | null {
  const { kind, fields, state } = snapshot;
  if (!state) return null;
  const isUnchanged = isEmpty(difference(base, now));
  if (isUnchanged || (state.removed && rule === 'serverWins')) return null;
  const ours = office.normalise(kind, fields) as Fields;
  const toOffice = deltaToOffice(office, snapshot, now);
  const loser = rule === 'clientWins' ? 'server' : 'client';
  if (state.removed)
    return { do: 'reconcile', delta: toOffice, contested: [], lost: { set: {}, cleared: [] }, rule, loser };
  const merge = mergeOffice({ kind, base, office: now, ours, item: fields, toOffice, rule });
  if (isEmpty(merge.delta) && merge.contested.length === 0) return null;
  return { do: 'reconcile', ...merge, rule, loser };
}

const moved = { kind: 'unreadable', status: 0, reason: 'the item has changed since it was read' } as const;

/** The command, to be decided only on the history it was made for. */
export function requestOn(snapshot: Snapshot, context: TakeInContext, command: ItemCommand): ItemRequest {
  return {
    item: snapshot.item,
    kind: snapshot.kind,
    commandId: context.commandId,
    cause: context.cause,
    actor: context.actor,
    at: context.at,
    owner: context.owner,
    command: (history) => ((history.at(-1)?.revision ?? -1) === snapshot.revision ? command : moved),
  };
}

/** Whether the command was carried out, now or by an earlier run that did not come to its end. */
export function isDone(result: ItemResult): boolean {
  return result.repeated || result.decision.kind !== 'unreadable';
}

/**
 * The item's last revision at which it and the record agree: the present one, or the earlier one while the item holds
 * what the office has not got.
 */
export function agreedRevision(
  office: OfficeSystem,
  snapshot: Snapshot,
  result: ItemResult | null,
  held: Fields,
): number {
  const { kind, link } = snapshot;
  const isRepeat = result === null || result.repeated;
  const state = isRepeat ? snapshot.state : result.state;
  const revision = isRepeat ? snapshot.revision : result.revision;
  const before = link.held?.itemRevision ?? 0;
  if (!state || state.removed) return before;
  const fields = isRepeat ? snapshot.fields : state.fields;
  return hasUnsent(held, office.normalise(kind, fields) as Fields) ? before : revision;
}

/** One item; undefined when the item moved on meanwhile and must be looked at again. */
export async function carryOut(
  items: ItemCommands,
  snapshot: Snapshot,
  context: TakeInContext,
  command: ItemCommand,
): Promise<ItemResult | undefined> {
  const [result] = await items.execute(context.tenant, [requestOn(snapshot, context, command)]);
  return result && isDone(result) ? result : undefined;
}
