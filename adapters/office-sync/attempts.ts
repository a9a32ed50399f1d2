/** What an attempt to write says about itself, and about a record that was written by more than one. */
import { applyDelta, difference, pathsOf } from '../../domain/conflict/paths.ts';
import type { Fields } from '../../domain/item/fields.ts';
import type { LinkEvent } from '../../domain/writeback/events.ts';
import type { Attempt } from '../../domain/writeback/link.ts';

export function notDone({ action }: Attempt): LinkEvent {
  return { type: 'WriteBackNotDone', version: 1, data: { action } };
}

export function isSameAttempt(one: Attempt, other: Attempt): boolean {
  return (
    one.action === other.action &&
    one.hash === other.hash &&
    one.itemRevision === other.itemRevision &&
    one.record === other.record &&
    one.home === other.home
  );
}

/** `held` with what others did to it. A value that is the old one or the one we sent is no change of theirs. */
export function changedByOthers(held: Fields, sent: Fields, found: Fields): Fields {
  const notAsSent = new Set(pathsOf(difference(sent, found)));
  const { set, cleared } = difference(held, found);
  return applyDelta(held, {
    set: Object.fromEntries(Object.entries(set).filter(([path]) => notAsSent.has(path))),
    cleared: cleared.filter((path) => notAsSent.has(path)),
  });
}
