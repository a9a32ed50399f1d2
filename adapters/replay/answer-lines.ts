/** Where two answers differ, as lines of XML for people. */
import { AirSync, Provision } from '../activesync/wbxml/code-pages/index.ts';
import { decodeWbxml } from '../activesync/wbxml/decode.ts';
import { type Element, textOf } from '../activesync/wbxml/element.ts';
import { formatXml } from '../activesync/wbxml/format.ts';
import type { AnswerLine } from './port.ts';

/** Lines that are compared one by one; where more differ, they stand one after the other. */
const comparedMax = 1_500;
const contextLines = 3;
const linesMax = 400;

/** Nothing when both say the same; keys that are drawn by lot count as alike. Empty answers are null. */
export function answerLines(recorded: Uint8Array | null, now: Uint8Array | null): AnswerLine[] {
  const [before, after] = [linesOf(recorded), linesOf(now)];
  let start = 0;
  while (start < before.length && before[start] === after[start]) start++;
  if (start === before.length && start === after.length) return [];
  let end = 0;
  const shorter = Math.min(before.length, after.length) - start;
  while (end < shorter && before.at(-1 - end) === after.at(-1 - end)) end++;
  const [left, right] = [before.slice(start, before.length - end), after.slice(start, after.length - end)];
  const both = (text: string): AnswerLine => ({ of: 'both', text });
  return [
    ...before.slice(Math.max(0, start - contextLines), start).map(both),
    ...differing(left, right),
    ...before.slice(before.length - end, before.length - end + contextLines).map(both),
  ].slice(0, linesMax);
}

function linesOf(body: Uint8Array | null): string[] {
  if (body === null || body.length === 0) return [];
  const decoded = decodeWbxml(Buffer.from(body));
  return decoded.ok ? formatXml(withoutLots(decoded.root)).split('\n') : ['(no WBXML)'];
}

/** Policy keys are made at random each time, and in which order a device is told of several items says nothing. */
function withoutLots(element: Element): Element {
  if (element.tag === Provision.PolicyKey) return { ...element, text: '…' };
  if (element.children.length === 0) return element;
  const children = element.children.map(withoutLots);
  if (element.tag === AirSync.Commands) children.sort((a, b) => (serverId(a) < serverId(b) ? -1 : 1));
  return { ...element, children };
}

function serverId(command: Element): string {
  return textOf(command, AirSync.ServerId) ?? '';
}

/** By the longest common subsequence. */
function differing(left: readonly string[], right: readonly string[]): AnswerLine[] {
  const only = (of: 'recorded' | 'now', lines: readonly string[]) => lines.map((text): AnswerLine => ({ of, text }));
  if (left.length > comparedMax || right.length > comparedMax)
    return [...only('recorded', left), ...only('now', right)];
  const width = right.length + 1;
  // common[i * width + j]: of what follows in both from i and from j.
  const common = new Uint16Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      const further = Math.max(common[(i + 1) * width + j] as number, common[i * width + j + 1] as number);
      common[i * width + j] = left[i] === right[j] ? (common[(i + 1) * width + j + 1] as number) + 1 : further;
    }
  }
  const lines: AnswerLine[] = [];
  let [i, j] = [0, 0];
  while (i < left.length && j < right.length) {
    if (left[i] === right[j]) {
      lines.push({ of: 'both', text: left[i] as string });
      i++;
      j++;
    } else if ((common[(i + 1) * width + j] as number) >= (common[i * width + j + 1] as number)) {
      lines.push({ of: 'recorded', text: left[i++] as string });
    } else lines.push({ of: 'now', text: right[j++] as string });
  }
  return [...lines, ...only('recorded', left.slice(i)), ...only('now', right.slice(j))];
}
