/** Who is asking: a Basic header in, a person out. The way of a known phone through here costs microseconds. */
import type { Clock } from '../../adapters/clock.ts';
import { parseBasic } from '../../adapters/passwords/basic.ts';
import { type Brake, createBrake } from '../../adapters/passwords/brake.ts';
import { ChecksBusy, type PasswordCheck } from '../../adapters/passwords/password-check.port.ts';
import { type RememberedCheck, rememberedCheck } from '../../adapters/passwords/remembered.ts';
import { normalizeLogin } from '../../domain/account/login.ts';
import type { Directory, Person } from './directory.ts';

export type SignIn =
  | { readonly kind: 'signedIn'; readonly person: Person }
  /** 401: no header, no such name, or a wrong password; which of them is not told. */
  | { readonly kind: 'refused' }
  /** 429 (too many failures from there) or 503 (too many at once), with Retry-After. */
  | { readonly kind: 'wait'; readonly retryAfterSeconds: number; readonly because: 'failures' | 'load' };

export interface SignInService {
  /** @param remote IP address. Never throws for what a client sends. */
  signIn(authorization: string | undefined, remote: string): Promise<SignIn>;
}

export function createSignIn(options: {
  readonly directory: Pick<Directory, 'byLogin'>;
  readonly passwords: PasswordCheck;
  readonly clock: Clock;
  /** Counted for the metrics. */
  readonly onOutcome?: (outcome: 'remembered' | 'checked' | 'refused' | 'wait') => void;
  /** Told why nobody could be looked up; whoever asked is to ask again soon. */
  readonly onTrouble?: (error: unknown) => void;
}): SignInService {
  const { directory, clock, onOutcome = () => {}, onTrouble = () => {} } = options;
  const check: RememberedCheck = rememberedCheck(options.passwords, clock);
  const brake: Brake = createBrake(clock);
  const refused: SignIn = { kind: 'refused' };
  const refuse = (): SignIn => {
    onOutcome('refused');
    return refused;
  };

  return {
    async signIn(authorization, remote) {
      const credentials = parseBasic(authorization);
      if (!credentials) return refused;
      const { name, password } = credentials;
      let person: Person | undefined;
      try {
        person = await directory.byLogin(name);
      } catch (error) {
        onTrouble(error);
        onOutcome('wait');
        return { kind: 'wait', retryAfterSeconds: 5, because: 'load' };
      }
      if (person && check.isKnown(person.account, password)) {
        onOutcome('remembered');
        return { kind: 'signedIn', person };
      }

      const attempt = { login: person?.account.id ?? normalizeLogin(name), remote };
      const fingerprint = check.fingerprint(person?.account, password);
      if (brake.hasFailed(attempt, fingerprint)) return refuse();
      const delayMs = brake.delayMs(attempt);
      if (delayMs > 0 && !check.isFamiliar(person?.account, password)) {
        onOutcome('wait');
        return { kind: 'wait', retryAfterSeconds: Math.ceil(delayMs / 1_000), because: 'failures' };
      }
      try {
        if (person && (await check.verify(person.account, password))) {
          brake.succeeded(attempt);
          onOutcome('checked');
          return { kind: 'signedIn', person };
        }
        if (!person) await check.verify(undefined, password);
      } catch (error) {
        if (!(error instanceof ChecksBusy)) throw error;
        onOutcome('wait');
        return { kind: 'wait', retryAfterSeconds: 5, because: 'load' };
      }
      brake.failed(attempt, fingerprint);
      return refuse();
    },
  };
}
