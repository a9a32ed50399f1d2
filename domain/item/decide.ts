/**
 * What becomes of a command on an item. Given the item's whole history and a command, the answer is the events to
 * append, or why there are none. The same command decided again on a history that holds its events changes nothing.
 */
import { type ConflictRule, merge } from '../conflict/merge.ts';
import { applyDelta, type Delta, difference, emptyDelta, equal, isEmpty, pathsOf } from '../conflict/paths.ts';
import { mergeEvent } from '../matching/events.ts';
import type { Actor, DomainEvent } from '../shared/event.ts';
import type { AccountId, CollectionId, ItemId } from '../shared/ids.ts';
import { type DecideCommand, decideConflict } from './decide-conflict.ts';
import { decideMerging, type MergeCommand } from './decide-merge.ts';
import { decideRestore, type RestoreCommand } from './decide-restore.ts';
import { itemEvent, parseItemType } from './events.ts';
import type { Fields, ItemKind, Patch } from './fields.ts';
import { mergeGroups } from './merge-groups.ts';
import { evolve, fold, type ItemEventAt, type ItemState } from './state.ts';

export interface PastEvent extends ItemEventAt {
  readonly actor: Actor;
}

export type ItemCommand =
  | {
      readonly do: 'add';
      readonly kind: ItemKind;
      readonly owner: AccountId;
      readonly collection: CollectionId;
      readonly fields: Fields;
    }
  | {
      readonly do: 'change';
      readonly patch: Patch<Fields>;
      /** The revision of the item that the changing side knew; null: the item as it is. */
      readonly base: number | null;
      readonly rule: ConflictRule;
    }
  | { readonly do: 'remove'; readonly base: number | null; readonly rule: ConflictRule }
  | { readonly do: 'move'; readonly to: CollectionId }
  /** From the office: a merge decided by what the office held before, or the correction of what it refused. */
  | {
      readonly do: 'reconcile';
      readonly delta: Delta;
      readonly contested: readonly string[];
      readonly lost: Delta;
      readonly rule: ConflictRule;
      readonly loser: 'client' | 'server';
    }
  /** What was added is an item that is there already; it becomes no item of its own. */
  | { readonly do: 'forward'; readonly to: ItemId }
  | MergeCommand
  | RestoreCommand
  | DecideCommand;

export type Decision =
  | {
      readonly kind: 'accepted';
      readonly events: readonly DomainEvent[];
      /** The changing side does not know all of the result: a merge took in what others did. */
      readonly merged: boolean;
      /** Both sides changed the same; who lost. */
      readonly conflict?: 'client' | 'server';
    }
  | { readonly kind: 'refused'; readonly reason: ItemRefusal };

/**
 * `gone`: it was removed; `unknown`: it never was; `noRevision`, `noConflict`, `noMerge`: its history has none at that place;
 * `decided`: the conflict was decided otherwise.
 */
export type ItemRefusal = 'gone' | 'unknown' | 'noRevision' | 'noConflict' | 'noMerge' | 'decided';

const nothing: Decision = { kind: 'accepted', events: [], merged: false };

export function decide(history: readonly PastEvent[], command: ItemCommand, actor: Actor): Decision {
  const current = fold(history);
  if (command.do === 'add') return decideAdd(current, command);
  if (command.do === 'forward') {
    return { kind: 'accepted', events: [mergeEvent('ItemForwarded', { to: command.to })], merged: false };
  }
  if (!current) return { kind: 'refused', reason: 'unknown' };
  switch (command.do) {
    case 'change':
      return decideChange(history, current, command, actor);
    case 'remove':
      return decideRemove(history, current, command, actor);
    case 'move':
      if (current.removed) return { kind: 'refused', reason: 'gone' };
      if (current.collection === command.to) return nothing;
      return {
        kind: 'accepted',
        events: [itemEvent(current.kind, 'Moved', { from: current.collection, to: command.to })],
        merged: false,
      };
    case 'reconcile':
      return decideReconcile(current, command);
    case 'merge':
    case 'unmerge':
      return decideMerging(history, current, command);
    case 'restore':
    case 'revert':
    case 'undo':
      return decideRestore(history, current, command);
    case 'decide':
      return decideConflict(history, current, command);
  }
}

/** An id is made of the command that adds, so an item that exists already is the same Add sent again. */
function decideAdd(current: ItemState | null, command: ItemCommand & { do: 'add' }): Decision {
  const { kind, owner, collection, fields } = command;
  if (current) return current.removed ? { kind: 'refused', reason: 'gone' } : nothing;
  return { kind: 'accepted', events: [itemEvent(kind, 'Added', { collection, owner, fields })], merged: false };
}

function decideChange(
  history: readonly PastEvent[],
  current: ItemState,
  command: ItemCommand & { do: 'change' },
  actor: Actor,
): Decision {
  const { base, rule } = command;
  const { kind } = current;
  const known = (base === null ? null : fold(history.filter((event) => event.revision <= base))) ?? current;
  const wanted = applyPatch(known.fields, command.patch);
  const { touched, removedByOthers } = since(history, base, actor);

  if (current.removed) {
    const mine = difference(known.fields, wanted);
    if (isEmpty(mine)) return { kind: 'refused', reason: 'gone' };
    if (rule === 'serverWins' || !removedByOthers) {
      const kept = conflictKept(kind, base, rule, 'client', pathsOf(mine), mine);
      return isKept(history, kept, actor)
        ? { kind: 'refused', reason: 'gone' }
        : { kind: 'accepted', events: [kept], merged: false, conflict: 'client' };
    }
  }

  const result = merge({
    base: known.fields,
    current: current.fields,
    wanted,
    touchedByOthers: touched,
    rule,
    groups: mergeGroups[kind],
  });
  const fields = applyDelta(current.fields, result.delta);
  const merged = !equal(fields, wanted);
  if (current.removed) {
    // What others changed before they removed it comes back with the item.
    const { owner, collection } = current;
    return {
      kind: 'accepted',
      events: [
        itemEvent(kind, 'Added', { collection, owner, fields, restored: true }),
        conflictKept(kind, base, rule, 'server', result.contested, result.lost, true),
      ],
      merged,
      conflict: 'server',
    };
  }
  const events: DomainEvent[] = [];
  if (!isEmpty(result.delta)) events.push(itemEvent(kind, 'Changed', { base, ...result.delta }));
  if (result.contested.length === 0) return { kind: 'accepted', events, merged };
  const loser = rule === 'serverWins' ? 'client' : 'server';
  const kept = conflictKept(kind, base, rule, loser, result.contested, result.lost);
  if (!isKept(history, kept, actor)) events.push(kept);
  return { kind: 'accepted', events, merged, conflict: loser };
}

function decideRemove(
  history: readonly PastEvent[],
  current: ItemState,
  command: ItemCommand & { do: 'remove' },
  actor: Actor,
): Decision {
  if (current.removed) return nothing;
  const { base, rule } = command;
  const { kind, fields } = current;
  const { touched } = since(history, base, actor);
  const removed = itemEvent(kind, 'Removed', { base });
  if (touched.size === 0) return { kind: 'accepted', events: [removed], merged: false };
  const contested = [...touched];
  if (rule === 'serverWins') {
    const kept = conflictKept(kind, base, rule, 'client', contested, emptyDelta, true);
    return {
      kind: 'accepted',
      events: isKept(history, kept, actor) ? [] : [kept],
      merged: true,
      conflict: 'client',
    };
  }
  const lost: Delta = { set: { ...fields }, cleared: [] };
  return {
    kind: 'accepted',
    events: [removed, conflictKept(kind, base, rule, 'server', contested, lost)],
    merged: false,
    conflict: 'server',
  };
}

/** A removal that the office does not follow is undone; the wish to remove is what is kept. */
function decideReconcile(current: ItemState, command: ItemCommand & { do: 'reconcile' }): Decision {
  const { delta, contested, lost, rule, loser } = command;
  const { kind, owner, collection } = current;
  if (current.removed) {
    const fields = applyDelta(current.fields, delta);
    return {
      kind: 'accepted',
      events: [
        itemEvent(kind, 'Added', { collection, owner, fields, restored: true }),
        conflictKept(kind, null, rule, loser, [], emptyDelta, true),
      ],
      merged: true,
      conflict: loser,
    };
  }
  const events: DomainEvent[] = [];
  if (!isEmpty(delta)) events.push(itemEvent(kind, 'Changed', { base: null, ...delta }));
  if (contested.length === 0) return { kind: 'accepted', events, merged: false };
  events.push(conflictKept(kind, null, rule, loser, contested, lost));
  return { kind: 'accepted', events, merged: true, conflict: loser };
}

export function applyPatch(fields: Fields, patch: Patch<Fields>): Fields {
  const result: Record<string, unknown> = { ...fields, ...patch.set };
  for (const name of patch.cleared) delete result[name];
  for (const [name, value] of Object.entries(result)) if (value === undefined) delete result[name];
  return result;
}

/**
 * What others than the actor did after the base. The actor's own later change of a path makes it its own again; what
 * was put back since to what it was is as if nobody had touched it, so that an undo costs no one their change.
 */
function since(
  history: readonly PastEvent[],
  base: number | null,
  actor: Actor,
): { touched: Set<string>; removedByOthers: boolean } {
  const touched = new Set<string>();
  let removedByOthers = false;
  if (base === null) return { touched, removedByOthers };
  let state: ItemState | null = null;
  let known: ItemState | null = null;
  for (const event of history) {
    const before: ItemState | null = state;
    state = evolve(state, event);
    if (event.revision <= base) known = state;
    if (event.revision <= base || !state) continue;
    const own = sameActor(event.actor, actor);
    for (const path of pathsOf(difference(before?.fields ?? {}, state.fields))) {
      if (own) touched.delete(path);
      else touched.add(path);
    }
    if (parseItemType(event.type)?.verb === 'Removed') removedByOthers = !own;
  }
  const differing = new Set(pathsOf(difference(known?.fields ?? {}, state?.fields ?? {})));
  for (const path of touched) if (!differing.has(path)) touched.delete(path);
  return { touched, removedByOthers };
}

/** Two devices of one person are two actors; the office is one, whoever typed there. */
export function sameActor(a: Actor, b: Actor): boolean {
  if (a.kind === 'device' && b.kind === 'device') return a.device === b.device;
  return a.kind === b.kind && a.kind !== 'admin';
}

/** The same loser is kept once, however often it is sent. */
function isKept(history: readonly PastEvent[], kept: DomainEvent, actor: Actor): boolean {
  return history.some(
    (event) => event.type === kept.type && sameActor(event.actor, actor) && equal(event.data, kept.data),
  );
}

function conflictKept(
  kind: ItemKind,
  base: number | null,
  rule: ConflictRule,
  loser: 'client' | 'server',
  contested: readonly string[],
  lost: Delta,
  lostRemoval?: boolean,
): DomainEvent {
  return itemEvent(kind, 'ConflictKept', {
    base,
    rule,
    loser,
    contested,
    lost,
    ...(lostRemoval ? { lostRemoval } : {}),
  });
}
