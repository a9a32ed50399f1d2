/** What a proof of the log found, and how it is said to people. */
import type { EventId, Position, StreamName, TenantId } from '../../domain/shared/ids.ts';
import type { AnchorPlaceName } from './anchors/port.ts';

export type FindingKind =
  /** The event, its hash, or the hash it continues from is not what was appended. */
  | 'changed'
  /** An event is not there although later ones are. */
  | 'missing'
  /** The event stands in another's place, or after one that followed it. */
  | 'reordered'
  /** The stream ends before the revision the store counted, or the log before a position that was anchored. */
  | 'cut off'
  /** Events stand in a stream the store does not count, or beyond its count. */
  | 'uncounted'
  /** The event was not there when what follows it was anchored. */
  | 'added'
  /** The log does not fit its anchor, and no event can be named. */
  | 'unproven'
  /** An anchor that was not made with this master key. */
  | 'anchor forged'
  /** An anchor is in one place and not in the other. */
  | 'anchor missing';

export interface Finding {
  readonly kind: FindingKind;
  readonly tenant: TenantId;
  /** Absent where only the position is known. */
  readonly stream?: StreamName;
  readonly revision?: number;
  /** Where the event stands, or stood; absent where only its place in the stream is known. */
  readonly position?: Position;
  /** The last of several positions in a row. */
  readonly through?: Position;
  readonly id?: EventId;
  /** Of anchors: where it is forged or missing. */
  readonly place?: AnchorPlaceName;
}

/** One line: `changed: stream contact-x revision 3 at position 17`. */
export function findingText({ kind, stream, revision, position, through, place }: Finding): string {
  const parts = [
    ...(place === undefined ? [] : [`in the ${place}`]),
    ...(stream === undefined ? [] : [`stream ${stream} revision ${revision}`]),
    ...(position === undefined ? [] : [`at position ${position}`]),
    ...(through === undefined || through === position ? [] : [`to ${through}`]),
  ];
  return `${kind}: ${parts.join(' ')}`;
}
