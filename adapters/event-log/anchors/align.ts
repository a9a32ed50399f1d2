/**
 * What became of a row of events: the trace of how they were anchored is laid beside how they are stored now. Pure.
 */

export interface Aligned {
  /** Pairs of places (in the trace, in the store) whose events are the same, in the same order. */
  readonly same: readonly (readonly [number, number])[];
  /** The same event, out of its order. */
  readonly moved: readonly (readonly [number, number])[];
  /** Another event in the place of the one that was. */
  readonly replaced: readonly (readonly [number, number])[];
  /** Places of the trace whose event is not there. */
  readonly missing: readonly number[];
  /** Places of the store whose event was not there, before others that were. */
  readonly added: readonly number[];
}

/**
 * `trace` and `stored` are what tells events apart. Events behind the last that was anchored are nobody's concern.
 * Memory and time go with the number of events, not with its square.
 */
export function align(trace: readonly string[], stored: readonly string[]): Aligned {
  const places = new Map(trace.map((name, place) => [name, place]));
  const found = stored.flatMap((name, at) => {
    const place = places.get(name);
    return place === undefined ? [] : [[place, at] as const];
  });
  const same = longestRising(found);
  const inOrder = new Set(same);
  const moved = found.filter((pair) => !inOrder.has(pair));
  const movedFrom = new Set(moved.map(([place]) => place));
  const movedTo = new Set(moved.map(([, at]) => at));
  const replaced: (readonly [number, number])[] = [];
  const missing: number[] = [];
  const added: number[] = [];

  let [place, at] = [0, 0];
  for (const [nextPlace, nextAt] of [...same, [trace.length, stored.length] as const]) {
    const gone = range(place, nextPlace).filter((one) => !movedFrom.has(one));
    const came = range(at, nextAt).filter((one) => !movedTo.has(one));
    const isTail = nextAt === stored.length && nextPlace === trace.length;
    const pairs = Math.min(gone.length, came.length);
    // Behind the anchored end stand newer events; before it, the later ones of a gap are those that were changed.
    const goneFrom = isTail ? 0 : gone.length - pairs;
    for (let nth = 0; nth < pairs; nth++) replaced.push([gone[goneFrom + nth]!, came[nth]!]);
    missing.push(...gone.filter((_, nth) => nth < goneFrom || nth >= goneFrom + pairs));
    if (!isTail) added.push(...came.slice(pairs));
    [place, at] = [nextPlace + 1, nextAt + 1];
  }
  return { same, moved, replaced, missing, added };
}

/** The longest part of the pairs, ordered by their second, whose first rises too. */
function longestRising(pairs: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  /** For each length the index of the pair that ends such a part with the least first. */
  const ends: number[] = [];
  const before = new Int32Array(pairs.length).fill(-1);
  for (const [index, [place]] of pairs.entries()) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (pairs[ends[middle]!]![0] < place) low = middle + 1;
      else high = middle;
    }
    if (low > 0) before[index] = ends[low - 1]!;
    ends[low] = index;
  }
  const rising: (readonly [number, number])[] = [];
  for (let index = ends.at(-1) ?? -1; index >= 0; index = before[index]!) rising.push(pairs[index]!);
  return rising.reverse();
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, nth) => from + nth);
}
