/** Whether a change leaves an item as good as empty: what a phone does that has lost what it held. */
import type { Delta } from '../conflict/paths.ts';
import type { Fields } from './fields.ts';

/** What an item has because of its class or its place, whatever was written in it. */
const notSaid: ReadonlySet<string> = new Set([
  ...['fileAs', 'weightedRank'],
  ...['uid', 'start', 'end', 'allDay', 'timeZone', 'recurrence', 'organizer', 'reminderMinutes', 'sensitivity'],
  ...['busyStatus', 'meetingStatus', 'responseRequested', 'responseType', 'disallowNewTimeProposal'],
  ...['appointmentReplyTime', 'dtStamp'],
  ...['complete', 'completedAt', 'percentComplete', 'importance', 'reminderAt', 'ordinalDate', 'subOrdinalDate'],
  ...['messageClass', 'lastModifiedAt'],
]);

/**
 * True when more of what the item said is gone than is left.
 * @param delta what the change did.
 * @param after the item's fields with it.
 */
export function blanks(delta: Delta, after: Fields): boolean {
  const emptied = Object.entries(delta.set).flatMap(([name, value]) => (says(value) ? [] : [name]));
  const lost = [...delta.cleared, ...emptied].filter(isSaid).length;
  if (lost === 0) return false;
  const left = Object.entries(after).filter(([name, value]) => isSaid(name) && says(value)).length;
  return lost > left;
}

/** An occurrence of a series is not the item. */
function isSaid(path: string): boolean {
  return !notSaid.has(path) && path !== 'exceptions' && !path.startsWith('exceptions/');
}

function says(value: unknown): boolean {
  if (typeof value === 'string') return value.trim() !== '';
  if (Array.isArray(value)) return value.some(says);
  if (typeof value !== 'object' || value === null) return value !== undefined && value !== null;
  const { blob, content } = value as { blob?: string; content?: string };
  if (blob !== undefined) return true;
  return content !== undefined ? says(content) : Object.values(value).some(says);
}
