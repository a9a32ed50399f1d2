/** The end of a move: from one moment on, nobody appends to the log that is left, and all of it is in the other. */
import type { LogCopy, Standing } from './copy.ts';

export interface CutOverSteps {
  /** After it no append to the source is stored, and no server starts on either log. Done again it does no harm. */
  seal(): Promise<void>;
  /** Servers start on the target from now on. */
  open(): Promise<void>;
  readonly onCopied?: (events: number, isSealed: boolean) => void;
}

/**
 * Compares all that was copied before, event by event, and copies the rest while others append; so that between the
 * seal and the end only the last few are left. Cut anywhere, the same call again goes on.
 * @throws LogsDiffer before it opens, when the logs are not one and the same
 */
export async function cutOver(copy: LogCopy, { seal, open, onCopied }: CutOverSteps): Promise<Standing[]> {
  await copy.compare(true);
  const before = await copy.catchUp();
  onCopied?.(before, false);
  await seal();
  const rest = await copy.round();
  onCopied?.(rest, true);
  const standings = await copy.mustBeEqual();
  await open();
  return standings;
}
