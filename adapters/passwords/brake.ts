/**
 * Slows down whoever guesses passwords. Counts failures per name and remote address, and per remote address; after a
 * few the next attempts must wait, twice as long each time. Bounded in memory, forgets after a quiet while.
 *
 * The same wrong password again is no guess: a phone that still has the old one repeats it for days, and must not keep
 * its owner's other phone out.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';

export interface Attempt {
  /** The name as typed, normalized. */
  readonly login: string;
  /** IP address. */
  readonly remote: string;
}

export interface Brake {
  /** Milliseconds to wait before this attempt may be made; 0 is now. */
  delayMs(attempt: Attempt): number;
  /** Whether this very attempt failed here before: it need not be checked again. */
  hasFailed(attempt: Attempt, fingerprint: string): boolean;
  failed(attempt: Attempt, fingerprint: string): void;
  succeeded(attempt: Attempt): void;
}

interface Failures {
  readonly count: number;
  readonly lastMs: number;
  /** Fingerprints of the last wrong passwords, newest last. */
  readonly wrong: readonly string[];
}

interface Limit {
  readonly free: number;
  readonly maxDelayMs: number;
}

const perName: Limit = { free: 5, maxDelayMs: 5 * 60_000 };
// Many people share an address behind a company's gateway.
const perRemote: Limit = { free: 60, maxDelayMs: 60_000 };
const quietMs = 15 * 60_000;
const keptWrong = 4;

export function createBrake(clock: Clock, max = 20_000): Brake {
  const failures = new LRUCache<string, Failures>({ max });

  const recent = (key: string): Failures | undefined => {
    const found = failures.get(key);
    return found && clock.nowMs() - found.lastMs < quietMs ? found : undefined;
  };
  const waitMs = (key: string, limit: Limit): number => {
    const found = recent(key);
    if (!found || found.count < limit.free) return 0;
    const delayMs = Math.min(limit.maxDelayMs, 1_000 * 2 ** Math.min(20, found.count - limit.free));
    return Math.max(0, found.lastMs + delayMs - clock.nowMs());
  };
  const note = (key: string, fingerprint?: string) => {
    const before = recent(key);
    const wrong = fingerprint === undefined ? [] : [...(before?.wrong ?? []), fingerprint].slice(-keptWrong);
    failures.set(key, { count: (before?.count ?? 0) + 1, lastMs: clock.nowMs(), wrong });
  };

  return {
    delayMs: (attempt) => Math.max(waitMs(nameKey(attempt), perName), waitMs(remoteKey(attempt), perRemote)),
    hasFailed: (attempt, fingerprint) => recent(nameKey(attempt))?.wrong.includes(fingerprint) ?? false,
    failed(attempt, fingerprint) {
      note(nameKey(attempt), fingerprint);
      note(remoteKey(attempt));
    },
    succeeded: (attempt) => void failures.delete(nameKey(attempt)),
  };
}

const remoteKey = ({ remote }: Attempt) => `remote ${networkOf(remote)}`;
const nameKey = ({ login, remote }: Attempt) => `name ${networkOf(remote)} ${login.slice(0, 320)}`;

/** An IPv6 subscriber has a whole /64 to guess from, so that is the one who counts. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  if (address.includes('.')) return address.slice(address.lastIndexOf(':') + 1);
  const [left = '', right] = address.split('%')[0]!.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const zeros = right === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  const groups = [...head, ...Array<string>(zeros).fill('0'), ...tail];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
