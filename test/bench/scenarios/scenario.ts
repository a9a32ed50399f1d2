import type { Result } from '../measure.ts';
import type { Stage } from '../stage.ts';

export interface Settings {
  readonly quick: boolean;
}

/** Something that is measured on the server. People are `user1` …; devices have names of the scenario's own. */
export interface Scenario {
  readonly name: string;
  /** How many demo people it needs. */
  readonly users: (settings: Settings) => number;
  readonly run: (stage: Stage, settings: Settings) => Promise<Result[]>;
}
