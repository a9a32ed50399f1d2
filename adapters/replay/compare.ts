/** What a request came to in a sandbox, against what was recorded of it. */
import { isDeepStrictEqual } from 'node:util';
import type { RecordedEvent } from '../event-log/event-store.port.ts';
import { judge } from '../exchange-record/judge.ts';
import type { CollectionExchange, Exchange, ExchangeBody, Verdict } from '../exchange-record/port.ts';
import { answerLines } from './answer-lines.ts';
import { eventDifferences } from './event-differences.ts';
import type { DecisionDifference, Replayed, ReplayOutcome, SandboxRun } from './port.ts';

export interface Recorded {
  readonly exchange: Exchange;
  readonly body: ExchangeBody;
  /** The events that it stored, as they are stored. */
  readonly events: readonly RecordedEvent[];
}

/** Verdicts of what went wrong for the device; the others are about how often and how long. */
const wrong: readonly Verdict[] = ['failed', 'refused', 'withheld', 'unknownKey'];

/** What came out otherwise than on record: statuses and counts, events, and the answer's XML. */
export function compare({ exchange, body, events }: Recorded, run: SandboxRun): Replayed {
  const judged = judge(run.trace, run.answer, 0);
  const decisions = [
    ...differing('HTTP status', exchange.httpStatus, judged.httpStatus),
    ...differing('status', exchange.status, judged.status),
    ...verdictsDiffering(exchange.verdicts, judged.verdicts),
    ...collectionsDiffering(exchange.collections, run.trace.collections),
  ];
  const own = run.events.filter((event) => event.meta.cause?.exchange === exchange.id);
  const differences = eventDifferences(events, own);
  const given = run.answer.kind === 'wbxml' ? run.answer.body : null;
  // An answer that was too large to keep, or not asked for, says nothing.
  const isKept = body.answer !== null || exchange.answerBytes === 0;
  const answer = isKept ? answerLines(body.answer, given) : [];
  const isSame = decisions.length === 0 && differences.length === 0 && answer.length === 0;
  return {
    exchange,
    outcome: outcomeOf(exchange.verdicts, judged.verdicts, isSame),
    skipped: null,
    decisions,
    events: differences,
    answer,
    causes: judged.causes,
  };
}

/** An exchange that could not be run, with the sentence that says why. */
export function skipped(exchange: Exchange, reason: string): Replayed {
  return { exchange, outcome: 'skipped', skipped: reason, decisions: [], events: [], answer: [], causes: [] };
}

function outcomeOf(before: readonly Verdict[], now: readonly Verdict[], isSame: boolean): ReplayOutcome {
  const wasWrong = before.some((verdict) => wrong.includes(verdict));
  const isWrong = now.some((verdict) => wrong.includes(verdict));
  if (wasWrong) return isWrong ? 'failing' : 'fine';
  if (isWrong) return 'broken';
  return isSame ? 'same' : 'different';
}

function verdictsDiffering(before: readonly Verdict[], now: readonly Verdict[]): DecisionDifference[] {
  const text = (verdicts: readonly Verdict[]) =>
    verdicts
      .filter((verdict) => wrong.includes(verdict))
      .sort()
      .join(', ') || 'none';
  return differing('verdicts', text(before), text(now));
}

function collectionsDiffering(
  recorded: readonly CollectionExchange[],
  now: readonly CollectionExchange[],
): DecisionDifference[] {
  const names = new Set([...recorded, ...now].map(({ collection }) => collection));
  return [...names].flatMap((collection) => {
    const before = recorded.find((one) => one.collection === collection);
    const after = now.find((one) => one.collection === collection);
    if (!before || !after) {
      const text = (one: CollectionExchange | undefined) => (one ? `status ${one.status}` : 'nothing to say');
      return differing(`folder ${collection}`, text(before), text(after));
    }
    const facts = ['recognised', 'commands', 'statuses', 'told', 'withheld', 'status', 'issuedKey'] as const;
    const found = facts.flatMap((name) => differing(`${name} of ${collection}`, before[name], after[name]));
    return [...found, ...differing(`more of ${collection}`, before.moreAvailable, after.moreAvailable)];
  });
}

function differing(what: string, before: unknown, now: unknown): DecisionDifference[] {
  if (isDeepStrictEqual(asStored(before), asStored(now))) return [];
  return [{ what, recorded: textOf(before), now: textOf(now) }];
}

/** The record went through JSON, today's did not. */
function asStored(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null));
}

function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value ?? 'none');
  const parts = Object.entries(value).filter(([, count]) => count !== 0);
  return parts.length === 0 ? 'none' : parts.map(([name, count]) => `${name} ${count}`).join(', ');
}
