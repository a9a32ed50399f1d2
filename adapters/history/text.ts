/** Words in items: found whatever the case and the marks on letters, in what an item holds and in what it held. */
import { stepOf } from '../../domain/item/history.ts';
import type { ItemState } from '../../domain/item/state.ts';
import { htmlToText } from '../activesync/classes/body-text.ts';
import type { RecordedEvent } from '../event-log/event-store.port.ts';

export interface TextMatch {
  readonly path: string;
  /** The words with some of what stands around them. */
  readonly excerpt: string;
  /** `now`: the item holds it. `past`: it held it. `lost`: a change that lost a conflict wanted it. */
  readonly when: 'now' | 'past' | 'lost';
  /** When it came and when it went, by the time of recording; null where it is still there. */
  readonly from: string;
  readonly to: string | null;
}

/** Letters that Unicode does not take apart into a letter and a mark. */
const apart: Readonly<Record<string, string>> = {
  ø: 'o',
  æ: 'ae',
  å: 'a',
  ß: 'ss',
  đ: 'd',
  ð: 'd',
  ł: 'l',
  þ: 'th',
  œ: 'oe',
};

/** In lower case, without marks, spaces of any kind as one. */
export function foldText(text: string): string {
  return text
    .toLowerCase()
    .normalize('NFD')
    .replaceAll(/\p{M}+/gu, '')
    .replaceAll(/[øæåßđðłþœ]/g, (letter) => apart[letter] as string)
    .replaceAll(/\s+/g, ' ');
}

const excerptAround = 40;

/** The needle is folded already. Undefined where the text does not hold it. */
function excerptOf(text: string, needle: string): string | undefined {
  if (!foldText(text).includes(needle)) return undefined;
  // Folding changes lengths: the place is found by folding ever less of the beginning.
  let low = 0;
  let high = text.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (foldText(text.slice(middle)).includes(needle)) low = middle;
    else high = middle - 1;
  }
  const from = Math.max(0, low - excerptAround);
  const to = Math.min(text.length, low + needle.length + excerptAround);
  const around = text.slice(from, to).replaceAll(/\s+/g, ' ').trim();
  return `${from > 0 ? '…' : ''}${around}${to < text.length ? '…' : ''}`;
}

/** Every text in a value: those of lists and of parts, and bodies without their markup. Pictures are none. */
function* textsIn(path: string, value: unknown): Iterable<string> {
  if (path === 'photo') return;
  if (typeof value === 'string') yield value;
  else if (Array.isArray(value)) for (const part of value) yield* textsIn('', part);
  else if (typeof value === 'object' && value !== null) {
    const { type, content } = value as { readonly type?: unknown; readonly content?: unknown };
    if (typeof content === 'string') yield type === 'html' ? htmlToText(content) : content;
    else for (const [name, part] of Object.entries(value)) yield* textsIn(name, part);
  }
}

function matchIn(path: string, value: unknown, needle: string): string | undefined {
  for (const text of textsIn(path, value)) {
    const excerpt = excerptOf(text, needle);
    if (excerpt !== undefined) return excerpt;
  }
  return undefined;
}

/**
 * Where an item holds the text, or else where it held it last: as it stands in one value, or else each of its words in
 * any, as a contact has given and family name apart. Each value is looked at once, when it came.
 * @param events of the item's own stream, in order, opened.
 * @param text as a person types it; nothing is found by an empty one.
 */
export function findText(events: readonly RecordedEvent[], text: string): TextMatch | null {
  const needle = foldText(text).trim();
  if (needle === '') return null;
  const whole = findNeedle(events, needle);
  const words = [...new Set(needle.split(/[ ,]+/))].filter((word) => word !== '');
  if (whole || words.length < 2) return whole;
  const matches: TextMatch[] = [];
  for (const word of words) {
    const match = findNeedle(events, word);
    if (!match) return null;
    matches.push(match);
  }
  // What one of the words is no longer in, the item no longer holds.
  const told = matches.find(({ when }) => when !== 'now') ?? (matches[0] as TextMatch);
  return { ...told, excerpt: [...new Set(matches.map(({ excerpt }) => excerpt))].join(' · ') };
}

/** The needle is folded already. */
function findNeedle(events: readonly RecordedEvent[], needle: string): TextMatch | null {
  const open = new Map<string, { readonly excerpt: string; readonly from: string }>();
  let past: TextMatch | null = null;
  let state: ItemState | null = null;
  for (const event of events) {
    if (event.type === 'Forgotten') continue;
    const { recordedAt } = event;
    const step = stepOf(state, event);
    state = step.state;
    for (const { path, after } of step.changes) {
      const held = open.get(path);
      const excerpt = matchIn(path, after, needle);
      if (held && excerpt === undefined) {
        open.delete(path);
        past = { path, ...held, when: 'past', to: recordedAt };
      } else if (!held && excerpt !== undefined) open.set(path, { excerpt, from: recordedAt });
    }
    for (const { path, lost } of step.conflict?.values ?? []) {
      const excerpt = matchIn(path, lost, needle);
      if (excerpt !== undefined) past = { path, excerpt, when: 'lost', from: recordedAt, to: recordedAt };
    }
  }
  const [first] = open;
  if (!first) return past;
  const [path, held] = first;
  if (!state?.removed) return { path, ...held, when: 'now', to: null };
  return { path, ...held, when: 'past', to: events.at(-1)?.recordedAt ?? null };
}
