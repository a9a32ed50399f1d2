/** Passwords as argon2id hashes, with the parameters of the OWASP Password Storage Cheat Sheet (19 MiB, t=2, p=1). */
import { hash, verify } from '@node-rs/argon2';
import { ChecksBusy, type PasswordCheck } from './password-check.port.ts';

// 2 is Argon2id: the package's const enum cannot be read with type stripping. It is the default as well.
const parameters = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** A PHC string with a salt of its own. */
export function hashPassword(password: string): Promise<string> {
  return hash(password, parameters);
}

// Each check takes 19 MiB and a core for some 20 ms; more at once would only take turns.
const maxParallel = 2;
const maxWaiting = 2_000;

/** @returns a check against the account's own hash. At most two run at once; `ChecksBusy` when 2,000 wait. */
export function argon2PasswordCheck(): PasswordCheck {
  const turn = turnstile(maxParallel, maxWaiting);
  const nobody = hashPassword('nobody has this one');
  return {
    async verify(account, password) {
      const stored = account?.passwordHash ?? (await nobody);
      const isRight = await turn(() => verify(stored, password));
      return isRight && account?.passwordHash !== undefined;
    },
    basis: (account) => account?.passwordHash ?? 'nobody',
  };
}

function turnstile(parallel: number, waitingMax: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= parallel) {
      if (waiting.length >= waitingMax) throw new ChecksBusy('Too many sign-ins are being checked.');
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
