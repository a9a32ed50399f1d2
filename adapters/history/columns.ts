/** A history as flat rows, for spreadsheets: one row an event. */
import { changeText, type HistoryEntry } from './entry.ts';

export interface HistoryColumn {
  readonly name: string;
  value(entry: HistoryEntry): string;
}

const column = (name: string, of: (entry: HistoryEntry) => string | number | null | undefined): HistoryColumn => ({
  name,
  value: (entry) => String(of(entry) ?? ''),
});

export const historyColumns: readonly HistoryColumn[] = [
  column('recordedAt', ({ recordedAt }) => recordedAt),
  column('at', ({ at }) => at),
  column('claimedAt', ({ claimedAt }) => claimedAt),
  column('position', ({ position }) => position),
  column('stream', ({ stream }) => stream),
  column('revision', ({ revision }) => revision),
  column('event', ({ type }) => type),
  column('actor', ({ who }) => who.kind),
  column('person', ({ who }) => who.email ?? who.account),
  column('name', ({ who }) => who.name),
  column('deviceId', ({ who }) => who.device?.deviceId ?? who.device?.key),
  column('deviceType', ({ who }) => who.device?.deviceType),
  column('model', ({ who }) => who.device?.model),
  column('os', ({ who }) => who.device?.os),
  column('userAgent', ({ who }) => who.device?.userAgent),
  column('command', ({ cause }) => cause?.command),
  column('key', ({ cause }) => cause?.key),
  column('exchange', ({ cause }) => cause?.exchange),
  column('reason', ({ cause, office }) => office?.reason ?? cause?.reason),
  column('fields', ({ changes }) => changes.map(({ path }) => path).join(' ')),
  column('changes', ({ changes }) => changes.map(changeText).join('\n')),
  column('conflict', ({ conflict }) => conflict && `${conflict.rule}, ${conflict.loser} lost`),
  column('summary', ({ summary }) => summary),
];
