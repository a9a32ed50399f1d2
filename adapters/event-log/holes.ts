/** Positions have no gaps, so a gap names an event that is gone; where its stream has one too, both are one event. */
import type { Position, StreamName, TenantId } from '../../domain/shared/ids.ts';
import type { Finding } from './finding.ts';

/** A revision that is not there: its event stood between two positions, both excluded. */
export interface MissingRevision {
  readonly kind: 'missing' | 'cut off';
  readonly stream: StreamName;
  readonly revision: number;
  readonly after: number;
  readonly before: number;
}

/** How many positions of holes are looked at one by one. */
const maxExamined = 10_000;

export class Holes {
  readonly #ranges: [number, number][] = [];

  /** Nothing stands from the one position to the other, both included. */
  add(from: number, to: number): void {
    if (from <= to) this.#ranges.push([from, to]);
  }

  has(position: number): boolean {
    return this.#ranges.some(([from, to]) => from <= position && position <= to);
  }

  /** The missing events, each with its position where one stream alone can have had an event there; then the rest. */
  findings(tenant: TenantId, missing: readonly MissingRevision[]): Finding[] {
    const left = new Set(missing);
    const positions = new Map<MissingRevision, Position>();
    const unnamed: [number, number][] = [];
    let examined = 0;
    for (const [from, to] of this.#ranges) {
      for (let position = from; position <= to; position++) {
        if (examined++ >= maxExamined) {
          unnamed.push([position, to]);
          break;
        }
        const fitting = [...left].filter(({ after, before }) => after < position && position < before);
        const [first] = fitting;
        if (first && fitting.every(({ stream }) => stream === first.stream)) {
          positions.set(first, position as Position);
          left.delete(first);
        } else extend(unnamed, position);
      }
    }
    return [
      ...missing.map((one): Finding => {
        const position = positions.get(one);
        const { kind, stream, revision } = one;
        return { kind, tenant, stream, revision, ...(position === undefined ? {} : { position }) };
      }),
      ...unnamed.map(([from, to]): Finding => {
        return { kind: 'missing', tenant, position: from as Position, through: to as Position };
      }),
    ];
  }
}

/** Adds a position to the last of the ranges, or begins another. */
export function extend(ranges: [number, number][], position: number): void {
  const last = ranges.at(-1);
  if (last && last[1] === position - 1) last[1] = position;
  else ranges.push([position, position]);
}
