import type { Result } from '../measure.ts';
import type { Stage } from '../stage.ts';

export interface Settings {
  readonly quick: boolean;
  /** Pings at once. */
  readonly parked: number;
}

/** Something that is measured on the server. People have numbers from 1; devices have names of the scenario's own. */
export interface Scenario {
  readonly name: string;
  /** Whether its people have an office: its simulator and the write-back then run in the same process. */
  readonly office: boolean;
  /** How many people it needs. */
  readonly users: (settings: Settings) => number;
  /** Results as they come: a full run takes minutes. */
  run(stage: Stage, settings: Settings): AsyncIterable<Result>;
}
