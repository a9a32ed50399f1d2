/** Making an item be again what it was: commands of people who look after items, never of a device. */
import { becoming, type Homes, type Wanted } from './become.ts';
import type { Decision, PastEvent } from './decide.ts';
import { fold, type ItemState } from './state.ts';
import { undoing } from './undo.ts';

interface Restoration {
  readonly homes?: Homes;
}

export type RestoreCommand =
  /** A removed item comes back as it was; one that is there stays as it is. */
  | (Restoration & { readonly do: 'restore' })
  /** The fields, the folder and whether it is there, as they were right after the revision `to`. */
  | (Restoration & { readonly do: 'revert'; readonly to: number })
  /** Takes back the events at these revisions, and leaves what others did since (see undo.ts). */
  | (Restoration & { readonly do: 'undo'; readonly doings: ReadonlySet<number> });

/** What the command wants is said of the whole item, so that doing it twice is doing it once. */
export function decideRestore(history: readonly PastEvent[], current: ItemState, command: RestoreCommand): Decision {
  const wanted = wantedBy(history, current, command);
  if (!wanted) return { kind: 'refused', reason: 'noRevision' };
  return { kind: 'accepted', events: becoming(current, wanted, command.homes), merged: false };
}

function wantedBy(history: readonly PastEvent[], current: ItemState, command: RestoreCommand): Wanted | null {
  switch (command.do) {
    case 'restore':
      return { ...current, removed: false };
    case 'revert':
      if (!history.some(({ revision }) => revision === command.to)) return null;
      return fold(history.filter(({ revision }) => revision <= command.to));
    case 'undo':
      return undoing(history, command.doings)?.wanted ?? null;
  }
}
