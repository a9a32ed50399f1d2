/** Which items of one side are which of the other: each is claimed once, and what is doubtful stays two. */
import type { Sign } from './events.ts';
import { type Degree, degrees, type IsOwn, type Judgement, judge } from './judge.ts';
import type { Likening } from './person.ts';
import type { Traits } from './traits.ts';

/** Places in the two lists. */
export interface Pair {
  readonly left: number;
  readonly right: number;
  readonly degree: Degree;
  readonly signs: readonly Sign[];
}

/** What an item can be found by: equal ones share at least one of these. */
export function handlesOf({ uid, content, key, person }: Traits): string[] {
  return [
    ...(uid ? [`uid ${uid}`] : []),
    ...(content ? [`content ${content}`] : []),
    ...(key ? [`key ${key.text}`] : []),
    ...(person ? [...person.mails, ...person.numbers] : []),
  ];
}

/**
 * Pairs of the same items, in the order of `left`. `left` are distinct among each other, and so are `right`: two of
 * one side are never made one through an item of the other. `blocked` places of `right` are not given to anybody, but
 * count where a number or address is shared.
 */
export function match(
  left: readonly Traits[],
  right: readonly Traits[],
  likening: Pick<Likening, 'distance'>,
  blocked: ReadonlySet<number> = new Set(),
): Pair[] {
  const found = { left: byHandle(left), right: byHandle(right) };
  const isOwn: IsOwn = (sign) => namesWith(sign, left, found.left) <= 1 && namesWith(sign, right, found.right) <= 1;
  const pairs = left.flatMap((traits, at) => {
    const near = new Set(handlesOf(traits).flatMap((handle) => found.right.get(handle) ?? []));
    return [...near].flatMap((other): Pair[] => {
      if (blocked.has(other)) return [];
      const judgement = judge(traits, right[other] as Traits, isOwn, likening);
      return judgement && judgement.degree !== 'perhaps' ? [{ left: at, right: other, ...judgement }] : [];
    });
  });
  return chosen(pairs).sort((a, b) => a.left - b.left);
}

/**
 * The surest first. Of several as sure, those that say who it is are taken in order, as one side may hold somebody
 * twice; where that is by a shared sign or by spelling, none is, for they may be different people.
 */
function chosen(pairs: readonly Pair[]): Pair[] {
  const free = { left: new Set(pairs.map(({ left }) => left)), right: new Set(pairs.map(({ right }) => right)) };
  const taken: Pair[] = [];
  for (const degree of degrees) {
    const now = pairs.filter(
      (pair) => pair.degree === degree && free.left.has(pair.left) && free.right.has(pair.right),
    );
    const isClear = degree === 'identical' || degree === 'own';
    const rivals = { left: counted(now, 'left'), right: counted(now, 'right') };
    for (const pair of now.sort((a, b) => b.signs.length - a.signs.length || a.left - b.left || a.right - b.right)) {
      if (!free.left.has(pair.left) || !free.right.has(pair.right)) continue;
      const isAlone = rivals.left.get(pair.left) === 1 && rivals.right.get(pair.right) === 1;
      if (isClear || isAlone) taken.push(pair);
      free.left.delete(pair.left);
      if (isClear || isAlone) free.right.delete(pair.right);
    }
    // Those that were doubtful here are not given to a less sure one either.
    if (!isClear) for (const pair of now) free.right.delete(pair.right);
  }
  return taken;
}

function counted(pairs: readonly Pair[], side: 'left' | 'right'): Map<number, number> {
  const counts = new Map<number, number>();
  for (const pair of pairs) counts.set(pair[side], (counts.get(pair[side]) ?? 0) + 1);
  return counts;
}

/** Who is there twice shares a number with nobody but himself. */
function namesWith(sign: string, items: readonly Traits[], found: ReadonlyMap<string, readonly number[]>): number {
  return new Set(found.get(sign)?.map((at) => items[at]?.person?.name)).size;
}

function byHandle(items: readonly Traits[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const [at, traits] of items.entries()) {
    for (const handle of handlesOf(traits)) {
      const known = found.get(handle);
      if (known) known.push(at);
      else found.set(handle, [at]);
    }
  }
  return found;
}

/** A suspicion that two items of one folder are the same. */
export interface Suspicion extends Judgement {
  readonly one: number;
  readonly other: number;
}

/** Beyond this many items with one number or name it says nothing about any of them. */
const crowdMax = 40;

/** Pairs among items of one folder that may be the same, the surest first; an item may be in several. */
export function suspect(items: readonly Traits[], likening: Pick<Likening, 'distance'>): Suspicion[] {
  const found = byHandle(items);
  const groups = [...found.values(), ...byName(items).values()];
  const seen = new Set<string>();
  const suspicions: Suspicion[] = [];
  for (const group of groups) {
    if (group.length > crowdMax) continue;
    for (const [at, one] of group.entries()) {
      for (const other of group.slice(at + 1)) {
        const name = `${one} ${other}`;
        if (seen.has(name)) continue;
        seen.add(name);
        const both = [one, other].map((place) => items[place] as Traits) as [Traits, Traits];
        const names = new Set(both.map(({ person }) => person?.name));
        const isOwn: IsOwn = (sign) => found.get(sign)?.every((place) => names.has(items[place]?.person?.name)) ?? true;
        const judgement = judge(...both, isOwn, likening);
        if (judgement) suspicions.push({ one, other, ...judgement });
      }
    }
  }
  const rank = ({ degree }: Suspicion) => degrees.indexOf(degree);
  return suspicions.sort((a, b) => rank(a) - rank(b) || a.one - b.one || a.other - b.other);
}

function byName(items: readonly Traits[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const [at, { person }] of items.entries()) {
    if (!person?.name) continue;
    found.set(person.name, [...(found.get(person.name) ?? []), at]);
  }
  return found;
}
