/** Deciding a kept conflict again, when people have looked at it or a policy has changed. */
import type { ConflictChoice, ConflictEvent } from '../conflict/events.ts';
import type { ConflictRule } from '../conflict/merge.ts';
import { applyDelta, difference, pathsOf } from '../conflict/paths.ts';
import { becoming, type Homes, type Wanted } from './become.ts';
import type { Decision, PastEvent } from './decide.ts';
import { type ItemEventData, parseItemType } from './events.ts';
import type { Fields } from './fields.ts';
import { joined } from './join.ts';
import { fold, type ItemState } from './state.ts';
import { unitsOf, withValues } from './units.ts';

export interface DecideCommand {
  readonly do: 'decide';
  /** The revision of the ConflictKept in the item's stream. */
  readonly conflict: number;
  readonly for: ConflictChoice;
  /** The policy that decides, when no person chose. */
  readonly policy?: ConflictRule;
  readonly homes?: Homes;
}

/** A conflict that was kept: the item as the winner left it, and as the loser had it. */
export interface KeptConflict {
  readonly kept: ItemEventData['ConflictKept'];
  readonly won: ItemState;
  readonly lost: Pick<Wanted, 'removed' | 'fields'>;
  readonly decided: ConflictEvent['data'] | undefined;
}

/** Undefined when the item's history keeps no conflict at that revision. */
export function conflictAt(history: readonly PastEvent[], revision: number): KeptConflict | undefined {
  const event = history.find((one) => one.revision === revision);
  if (!event || parseItemType(event.type)?.verb !== 'ConflictKept') return undefined;
  const kept = event.data as ItemEventData['ConflictKept'];
  const won = fold(history.filter((one) => one.revision <= revision)) as ItemState;
  const decided = history
    .filter(({ type }) => type === 'ConflictDecided')
    .map(({ data }) => data as ConflictEvent['data'])
    .find(({ conflict }) => conflict === revision);
  return { kept, won, lost: lostVersion(history, kept, won), decided };
}

/** Who loses to a removal speaks of the item as they knew it; who loses to a change, of the item as it then became. */
function lostVersion(
  history: readonly PastEvent[],
  { base, lost, lostRemoval, loser }: ItemEventData['ConflictKept'],
  won: ItemState,
): KeptConflict['lost'] {
  const isAsKnown = won.removed && loser === 'client' && base !== null;
  const known = isAsKnown ? fold(history.filter((one) => one.revision <= base)) : won;
  return { removed: lostRemoval === true, fields: applyDelta((known ?? won).fields, lost) };
}

/**
 * - `mine`: the item becomes what the loser wanted, at the contested fields: also where others changed those since,
 *   and also when it was removed. A lost removal removes it. Everything stays in its history.
 * - `theirs`: nothing changes.
 * - `merge`: see join.ts. A change that lost to a removal brings the item back; a removal that lost to a change does
 *   not remove it.
 *
 * Decided in the same way again it is the same decision; in another way it is refused.
 */
export function decideConflict(history: readonly PastEvent[], current: ItemState, command: DecideCommand): Decision {
  const conflict = conflictAt(history, command.conflict);
  if (!conflict) return { kind: 'refused', reason: 'noConflict' };
  if (conflict.decided) {
    if (conflict.decided.for !== command.for) return { kind: 'refused', reason: 'decided' };
    return { kind: 'accepted', events: [], merged: false };
  }
  const wanted = wantedBy(conflict, current, command.for);
  const { policy } = command;
  const changed = wanted.removed ? [] : pathsOf(difference(current.fields, wanted.fields));
  const data: ConflictEvent['data'] = {
    conflict: command.conflict,
    for: command.for,
    changed,
    ...(policy ? { policy } : {}),
  };
  const events = [...becoming(current, wanted, command.homes), { type: 'ConflictDecided', version: 1, data }];
  return { kind: 'accepted', events, merged: false };
}

function wantedBy({ kept, won, lost }: KeptConflict, current: ItemState, choice: ConflictChoice): Wanted {
  if (choice === 'theirs') return current;
  const { kind } = current;
  const paths = pathsOf(kept.lost);
  if (choice === 'mine' || (won.removed && !lost.removed)) {
    if (lost.removed) return { ...current, removed: true };
    return { ...current, removed: false, fields: withValues(current.fields, lost.fields, unitsOf(kind, paths).flat()) };
  }
  if (current.removed) return current;
  const fields: Fields = joined(kind, current.fields, { won: won.fields, lost: lost.fields, paths });
  return { ...current, fields };
}
