/** What was asked once, run again: in a sandbox over the past, and what that shows against what was recorded. */

import type { CommandAnswer } from '../activesync/request.ts';
import type { ExchangeTrace } from '../activesync/trace.ts';
import type { RecordedEvent } from '../event-log/event-store.port.ts';
import type { Exchange, ExchangeBody } from '../exchange-record/port.ts';
import type { ItemRequest, ItemResult } from '../items/item-commands.ts';

/** A command on an item that the request came to and that changed something, and what became of it. */
export interface CarriedOut {
  readonly request: ItemRequest;
  readonly result: ItemResult;
}

/** What came of a request in a sandbox. Nothing of it is anywhere else. */
export interface SandboxRun {
  readonly answer: CommandAnswer;
  readonly trace: ExchangeTrace;
  /** What would have been appended, in order. */
  readonly events: readonly RecordedEvent[];
  readonly carriedOut: readonly CarriedOut[];
}

/** Runs requests of one device, in their order. Nothing that they do reaches the log, the database or the bodies. */
export interface Sandbox {
  /**
   * Runs the request as it came, at the time it came, on the log as it stood for it.
   * @throws NotReplayable
   */
  run(exchange: Exchange, body: ExchangeBody): Promise<SandboxRun>;
  /** The same, on the log as it would have become by what was run here since the last `run`. */
  goOn(exchange: Exchange, body: ExchangeBody): Promise<SandboxRun>;
}

/** Why an exchange cannot be run again, in a sentence for people. */
export class NotReplayable extends Error {
  override readonly name = 'NotReplayable';
}

/** A decision that came out differently. `recorded` and `now` are what is printed of it. */
export interface DecisionDifference {
  readonly what: string;
  readonly recorded: string;
  readonly now: string;
}

/** An event that was stored then and would not be now, or the other way, or would hold other values. */
export interface EventDifference {
  readonly stream: string;
  readonly item: string | null;
  readonly type: string;
  readonly difference: 'onlyRecorded' | 'onlyNow' | 'changed';
  /** Names of the fields that differ. */
  readonly fields: readonly string[];
}

/** A line of the answer as XML: one that both have, one of the recorded answer alone, or one of today's. */
export interface AnswerLine {
  readonly of: 'both' | 'recorded' | 'now';
  readonly text: string;
}

export type ReplayOutcome =
  /** As recorded. */
  | 'same'
  /** It had failed, or items of it, and does no more. */
  | 'fine'
  /** It fails as it did. */
  | 'failing'
  /** It was good and is now, and something differs. */
  | 'different'
  /** It was good and fails now. */
  | 'broken'
  | 'skipped';

export interface Replayed {
  readonly exchange: Exchange;
  readonly outcome: ReplayOutcome;
  /** Why it was skipped; null when it was not. */
  readonly skipped: string | null;
  readonly decisions: readonly DecisionDifference[];
  readonly events: readonly EventDifference[];
  /** Lines around what differs; none when the answers are alike, or the recorded one was not kept. */
  readonly answer: readonly AnswerLine[];
  /** Causes (`exchange-record/causes.ts`) of what is wrong with it now. */
  readonly causes: readonly string[];
}
