/** One event of an item's life as auditors read it. */
import type { ConflictStep, FieldChange, ItemStep } from '../../domain/item/history.ts';
import type { Actor, Cause } from '../../domain/shared/event.ts';
import type { CollectionId, EventId, Instant, Position, StreamName } from '../../domain/shared/ids.ts';
import type { RecordedEvent } from '../event-log/event-store.port.ts';
import type { Who } from './actors.ts';

/** What the item's fold or its record's fold says of one event. */
export interface Told {
  /** From what to what. Long texts are cut here; `data` has the whole. */
  readonly changes: readonly FieldChange[];
  readonly movedFrom: CollectionId | null;
  readonly presence: ItemStep['presence'];
  readonly conflict: ConflictStep | null;
  /** What the office was asked and answered; null for events of the item itself. */
  readonly office: OfficeTold | null;
  /** What events that are not of a class say: a merge, a conflict decided later. */
  readonly note: string | null;
}

export interface HistoryEntry extends Told {
  readonly position: Position;
  readonly stream: StreamName;
  readonly revision: number;
  readonly id: EventId;
  /** `Forgotten` where the key was destroyed: then only the times and places are known. */
  readonly type: string;
  /** When it was asked for, when it was stored, and when the device says that it was done. */
  readonly at: Instant;
  readonly recordedAt: string;
  readonly claimedAt: Instant | null;
  readonly actor: Actor;
  readonly who: Who;
  readonly commandId: string;
  readonly cause: Cause | null;
  /** Names alone, as the event sets and clears them. */
  readonly fields: { readonly set: readonly string[]; readonly cleared: readonly string[] };
  /** The event itself; null where the key was destroyed. */
  readonly data: unknown;
  /** All of it in a sentence. */
  readonly summary: string;
}

export interface OfficeTold {
  readonly action: 'create' | 'update' | 'delete' | null;
  readonly record: string | null;
  readonly reason: string | null;
  readonly itemRevision: number | null;
}

export const nothingTold: Told = {
  changes: [],
  movedFrom: null,
  presence: null,
  conflict: null,
  office: null,
  note: null,
};

/** Of a text in `changes`, in UTF-16 units. */
const textMax = 4_096;

/** Puts together what the event says of itself, who acted, and what changed by it; long texts are cut. */
export function entryOf(event: RecordedEvent, who: Who, told: Told): HistoryEntry {
  const { position, stream, revision, id, type, recordedAt, meta } = event;
  const data = (event.data ?? {}) as { readonly fields?: unknown; readonly set?: unknown; readonly cleared?: unknown };
  const brief = {
    ...told,
    changes: told.changes.map(shortened),
    conflict: told.conflict && shortConflict(told.conflict),
  };
  return {
    ...{ position, stream, revision, id, type, recordedAt, who },
    at: meta.at,
    claimedAt: meta.cause?.claimedAt ?? null,
    actor: meta.actor,
    commandId: meta.commandId,
    cause: meta.cause ?? null,
    fields: { set: keysOf(data.fields ?? data.set), cleared: stringsOf(data.cleared) },
    ...brief,
    data: event.data ?? null,
    summary: summaryOf(type, brief),
  };
}

const keysOf = (value: unknown): string[] =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value).sort() : [];
const stringsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string').sort() : [];

function shortened({ path, before, after }: FieldChange): FieldChange {
  return { path, before: cut(before), after: cut(after) };
}

function shortConflict(conflict: ConflictStep): ConflictStep {
  const values = conflict.values.map(({ path, lost, stands }) => ({ path, lost: cut(lost), stands: cut(stands) }));
  return { ...conflict, values };
}

function cut(value: unknown): unknown {
  if (typeof value === 'string') return value.length > textMax ? `${value.slice(0, textMax)}…` : value;
  if (Array.isArray(value)) return value.map(cut);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, cut(inner)]));
}

/** A value for people: texts as they are, bodies by their content, the rest as JSON. */
export function valueText(value: unknown): string {
  if (value === undefined || value === null) return '(nothing)';
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && 'content' in value && typeof value.content === 'string') return value.content;
  return JSON.stringify(value);
}

export function changeText({ path, before, after }: FieldChange): string {
  return `${path}: ${valueText(before)} → ${valueText(after)}`;
}

const linkSentences: Readonly<Record<string, string>> = {
  OfficeObserved: 'the office holds it',
  OfficeMissed: 'missing in a listing of the office',
  OfficeReturned: 'again in the listing of the office',
  OfficeGone: 'gone in the office',
  WriteBackAttempted: 'sent to the office',
  WriteBackConfirmed: 'the office confirmed',
  WriteBackRefused: 'the office refused',
  WriteBackOutcomeUnknown: 'no answer of the office: nobody knows whether it was done',
  WriteBackNotDone: 'looked up: the office had not done it',
};

function summaryOf(type: string, { changes, movedFrom, presence, conflict, office, note }: Told): string {
  if (type === 'Forgotten') return 'erased: the key was destroyed';
  const parts: string[] = [];
  if (note) parts.push(note);
  if (presence) parts.push(presence);
  if (movedFrom) parts.push(`moved from ${movedFrom}`);
  const link = linkSentences[type];
  if (link) parts.push(office?.action ? `${link} (${office.action})` : link);
  if (office?.reason) parts.push(office.reason);
  if (conflict) parts.push(conflictText(conflict));
  if (parts.length === 0 && changes.length === 0) parts.push(type);
  return [...parts, ...changes.map(changeText)].join('; ');
}

function conflictText({ rule, loser, lostRemoval, values }: ConflictStep): string {
  const lost = values.map(
    ({ path, lost: value, stands }) => `${path}: ${valueText(value)} (${valueText(stands)} stands)`,
  );
  const removal = lostRemoval ? ['the removal'] : [];
  const by = rule === 'clientWins' ? 'the client wins' : 'the server wins';
  const who = loser === 'client' ? 'the client' : 'the server';
  return `conflict, ${by}; ${who} lost ${[...removal, ...lost].join(', ') || 'nothing that differs'}`;
}
