/** One command of `mobilesync`: what its help says, what it takes, and what it does. */
import type { ParseArgsOptionsConfig } from 'node:util';
import type { AdminClient } from './admin-client.ts';
import type { CliEnvironment, Print } from './command-line.ts';

export interface CliContext {
  readonly env: CliEnvironment & NodeJS.ProcessEnv;
  /** One line of the answer, to standard output. */
  readonly print: Print;
  /** Progress and remarks, to standard error: what is printed stays what was asked for. */
  readonly remark: Print;
  /** The running server's administration. */
  readonly admin: AdminClient;
}

export interface CliInput {
  readonly positionals: readonly string[];
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
}

export interface CliCommand {
  /** One or two words: `history`, `conflicts replay`. */
  readonly name: string;
  /** What follows the name: `<item> [--json | --csv]`. */
  readonly usage: string;
  /** One line for the list of commands; no full stop. */
  readonly summary: string;
  /** Further lines of its own help: options, examples, exit codes. */
  readonly details?: readonly string[];
  readonly options?: ParseArgsOptionsConfig;
  /** How many words may follow the name; none unless told. */
  readonly positionals?: { readonly min: number; readonly max: number };
  /**
   * Answers with the exit code: 0 done, 1 done and something was found.
   * @throws ConfigError for what the caller can mend in the call, NotNow, AdminRefused.
   */
  run(context: CliContext, input: CliInput): Promise<number>;
}
