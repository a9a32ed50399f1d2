/** Whether a change leaves an item as good as empty: what a phone does that has lost what it held. */
import type { Delta } from '../conflict/paths.ts';
import type { Fields } from './fields.ts';

/** What an item has because of its class, its place or its day, whatever was written in it. */
const kept: ReadonlySet<string> = new Set([
  'weightedRank',
  ...['start', 'end', 'allDay', 'timeZone', 'reminderMinutes', 'sensitivity', 'busyStatus', 'meetingStatus'],
  ...['responseRequested', 'responseType', 'disallowNewTimeProposal', 'appointmentReplyTime', 'dtStamp'],
  ...['due', 'complete', 'completedAt', 'percentComplete', 'importance', 'reminderAt', 'ordinalDate', 'subOrdinalDate'],
  ...['messageClass', 'lastModifiedAt'],
]);
/** Text that stands for other text, or for nobody's. */
const derived: ReadonlySet<string> = new Set(['fileAs', 'uid', 'organizer', 'recurrence', 'exceptions']);

/**
 * True when more of what the item said is gone than is left, and nothing is said anew: then the change holds no word
 * that anybody wrote.
 * @param delta what the change did.
 * @param after the item's fields with it.
 */
export function blanks(delta: Delta, after: Fields): boolean {
  const set = Object.entries(delta.set);
  if (set.some(([path, value]) => says(value) && !kept.has(path))) return false;
  const emptied = set.flatMap(([path, value]) => (says(value) ? [] : [path]));
  const lost = [...delta.cleared, ...emptied].filter(isSaid).length;
  const left = Object.entries(after).filter(([name, value]) => isSaid(name) && says(value)).length;
  return lost > left;
}

/** An occurrence of a series is not the item. */
function isSaid(path: string): boolean {
  const slash = path.indexOf('/');
  const name = slash < 0 ? path : path.slice(0, slash);
  return !kept.has(name) && !derived.has(name);
}

function says(value: unknown): boolean {
  if (typeof value === 'string') return value.trim() !== '';
  if (Array.isArray(value)) return value.some(says);
  if (typeof value !== 'object' || value === null) return value !== undefined && value !== null;
  const { blob, content } = value as { blob?: string; content?: string };
  if (blob !== undefined) return true;
  return content !== undefined ? says(content) : Object.values(value).some(says);
}
