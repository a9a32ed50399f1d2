import type { Account } from '../../domain/account/state.ts';

/** Who says whether a password is right: our own hash, or later the person's mail server. */
export interface PasswordCheck {
  /** `account` undefined is a name nobody has: the answer is no, and costs what a wrong password costs. */
  verify(account: Account | undefined, password: string): Promise<boolean>;
  /** What an answer rests on beside the password; when it changes, earlier answers are void. */
  basis(account: Account | undefined): string;
}

/** Too many checks wait already: try again in a moment. */
export class ChecksBusy extends Error {
  override readonly name = 'ChecksBusy';
}
