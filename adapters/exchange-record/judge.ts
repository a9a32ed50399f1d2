/** What an exchange is noticed for, from what was noted of it and what was answered. */
import type { CommandAnswer } from '../activesync/request.ts';
import { pingStatus } from '../activesync/status.ts';
import type { ExchangeTrace } from '../activesync/trace.ts';
import {
  AirSync,
  FolderHierarchy,
  GetItemEstimate,
  ItemOperations,
  Move,
  Ping,
  Provision,
  Search,
  Settings,
} from '../activesync/wbxml/code-pages/index.ts';
import { decodeWbxml } from '../activesync/wbxml/decode.ts';
import type { Element, Tag } from '../activesync/wbxml/element.ts';
import { causeOfStatus, type StatusTable, verdictOf } from './causes.ts';
import { slowMs, type Verdict } from './port.ts';

export interface Judgement {
  readonly httpStatus: number;
  /** Of the answer's root; null where it has none. */
  readonly status: number | null;
  readonly verdicts: readonly Verdict[];
  readonly causes: readonly string[];
}

/** Nothing was said, and nothing odd happened: such an exchange is counted, not kept. */
export function isQuiet(trace: ExchangeTrace, answer: CommandAnswer): boolean {
  if (trace.error !== undefined || trace.collections.length > 0) return false;
  if (answer.kind === 'empty' || trace.isBraked) return true;
  return trace.command === 'Ping' && answer.kind === 'wbxml' && statusesIn(answer.body).root === pingStatus.expired;
}

/** @param durationMs of the whole request, waiting included. */
export function judge(trace: ExchangeTrace, answer: CommandAnswer, durationMs: number): Judgement {
  const causes = new Set<string>();
  const add = (table: StatusTable, status: number): void => {
    const cause = causeOfStatus(table, status);
    if (cause !== undefined) causes.add(cause);
  };
  let status: number | null = null;
  if (trace.error !== undefined) {
    causes.add(`error.${nameOf(trace.error)}`);
    status = answer.kind === 'wbxml' ? statusesIn(answer.body).root : null;
  } else if (answer.kind === 'http') {
    if (answer.status >= 400) causes.add(`http.${answer.status}`);
  } else if (trace.collections.length > 0) {
    for (const collection of trace.collections) {
      add('sync', collection.status);
      for (const response of Object.keys(collection.statuses)) add('sync', Number(response));
    }
  } else if (answer.kind === 'wbxml') {
    const found = statusesIn(answer.body);
    status = found.root;
    for (const one of found.all) add(one.table, one.status);
  }
  if (trace.withheld.length > 0) causes.add('withheld');
  if (durationMs - trace.waitedMs > slowMs) causes.add('slow');
  const verdicts = new Set<Verdict>();
  for (const cause of causes) {
    const verdict = verdictOf(cause);
    if (verdict !== null) verdicts.add(verdict);
  }
  return {
    httpStatus: answer.kind === 'http' ? answer.status : 200,
    status,
    verdicts: [...verdicts],
    causes: [...causes],
  };
}

interface Statuses {
  readonly root: number | null;
  readonly all: readonly { readonly table: StatusTable; readonly status: number }[];
}

const tableOfTag = new Map<Tag, StatusTable>([
  [AirSync.Status, 'sync'],
  [FolderHierarchy.Status, 'folder'],
  [GetItemEstimate.Status, 'estimate'],
  [ItemOperations.Status, 'itemOperations'],
  [Move.Status, 'move'],
  [Ping.Status, 'ping'],
  [Provision.Status, 'provision'],
  [Search.Status, 'search'],
  [Settings.Status, 'settings'],
]);

/** Statuses precede what they are of, so a part of a large answer is enough; a very large one costs more than it tells. */
const elementsMax = 5_000;
const bytesMax = 512_000;

function statusesIn(body: Uint8Array): Statuses {
  const decoded = body.length > bytesMax ? undefined : decodeWbxml(body);
  if (!decoded?.ok) return { root: null, all: [] };
  let root: number | null = null;
  const all: { table: StatusTable; status: number }[] = [];
  let left = elementsMax;
  const walk = (element: Element, isRoot: boolean): void => {
    for (const child of element.children) {
      if (left-- <= 0) return;
      const table = tableOfTag.get(child.tag);
      if (table === undefined) walk(child, false);
      else if (/^\d{1,4}$/.test(child.text)) {
        const status = Number(child.text);
        all.push({ table: element.tag === Provision.Policy ? 'policy' : table, status });
        if (isRoot) root = status;
      }
    }
  };
  walk(decoded.root, true);
  return { root, all };
}

/** The name alone: a message may quote what somebody wrote. */
function nameOf(error: unknown): string {
  const name = error instanceof Error ? error.name : typeof error;
  return /^\w{1,60}$/.test(name) ? name : 'Error';
}
