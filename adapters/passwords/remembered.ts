import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Account } from '../../domain/account/state.ts';
import type { Clock } from '../clock.ts';
import type { PasswordCheck } from './password-check.port.ts';

export interface RememberedCheck {
  /** Whether this password was found right a short while ago. Takes microseconds, asks nobody. */
  isKnown(account: Account, password: string): boolean;
  /** Whether it was found right at any time that is still remembered: check it again, but do not keep it waiting. */
  isFamiliar(account: Account | undefined, password: string): boolean;
  /** Names an attempt without telling its password; the same for the same attempt in this process. */
  fingerprint(account: Account | undefined, password: string): string;
  /** Checks and, when right, remembers. Equal checks that come together are one. */
  verify(account: Account | undefined, password: string): Promise<boolean>;
}

const ttlMs = 10 * 60_000;

/**
 * Remembers which passwords were right, so that a phone that asks every few seconds does not cost a slow hash each
 * time. What is kept is an HMAC under a key that lives in this process only, over what the answer rests on and the
 * password: a changed password is another HMAC, so an old answer cannot be found. Looking one up by its HMAC tells an
 * observer of time nothing, since nobody outside can compute or steer it.
 */
export function rememberedCheck(inner: PasswordCheck, clock: Clock, max = 20_000): RememberedCheck {
  const key = createSecretKey(randomBytes(32));
  const rightUntilMs = new LRUCache<string, number>({ max });
  const running = new Map<string, Promise<boolean>>();
  const fingerprint = (account: Account | undefined, password: string) => {
    const basis = inner.basis(account);
    return createHmac('sha256', key).update(`${basis.length}:${basis}${password}`).digest('base64');
  };
  const run = async (print: string, account: Account | undefined, password: string) => {
    try {
      const isRight = await inner.verify(account, password);
      if (isRight) rightUntilMs.set(print, clock.nowMs() + ttlMs);
      return isRight;
    } finally {
      running.delete(print);
    }
  };
  return {
    fingerprint,
    isKnown: (account, password) => (rightUntilMs.get(fingerprint(account, password)) ?? 0) > clock.nowMs(),
    isFamiliar: (account, password) => account !== undefined && rightUntilMs.has(fingerprint(account, password)),
    verify(account, password) {
      const print = fingerprint(account, password);
      const present = running.get(print);
      if (present) return present;
      const started = run(print, account, password);
      running.set(print, started);
      return started;
    },
  };
}
