import type { Clock } from '../clock.ts';
import type { PolledAccount, PollResult } from './poller.ts';
import type { Timetable } from './timetable.ts';

const answeredEveryMs = 500;

/** Leaves word for the node that crawls the account, tells the others of it, and waits for the answer until it is late. */
export async function crawledElsewhere(
  timetable: Timetable,
  { clock, tell }: { readonly clock: Clock; readonly tell?: () => void },
  account: PolledAccount,
  isLate: () => boolean,
): Promise<PollResult> {
  const asked = await timetable.ask(account);
  tell?.();
  for (;;) {
    const answer = await timetable.answered(account, asked);
    if (answer) return answer;
    if (isLate()) return { kind: 'stillRunning' };
    await new Promise<void>((resolve) => void clock.after(answeredEveryMs, resolve));
  }
}
