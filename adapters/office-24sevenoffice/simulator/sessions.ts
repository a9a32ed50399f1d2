import { randomInt } from 'node:crypto';
import type { SimulatedPerson } from './state.ts';

export interface SimulatedSession {
  readonly id: string;
  readonly person: SimulatedPerson;
  readonly clientId: number;
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz012345';
const maxSessions = 100_000;

/** Cookie sessions with sliding expiry, as of ASP.NET. */
export class Sessions {
  readonly #nowMs: () => number;
  readonly #idleMs: number;
  readonly #sessions = new Map<string, { session: SimulatedSession; usedAtMs: number }>();

  constructor(nowMs: () => number, idleMs: number) {
    this.#nowMs = nowMs;
    this.#idleMs = idleMs;
  }

  open(person: SimulatedPerson, clientId: number): SimulatedSession {
    const id = Array.from({ length: 24 }, () => alphabet[randomInt(alphabet.length)]).join('');
    const session = { id, person, clientId };
    if (this.#sessions.size >= maxSessions) this.#sessions.delete(this.#sessions.keys().next().value ?? '');
    this.#sessions.set(id, { session, usedAtMs: this.#nowMs() });
    return session;
  }

  /** The living session of a cookie; asking keeps it alive. */
  find(id: string | undefined): SimulatedSession | undefined {
    const found = id === undefined ? undefined : this.#sessions.get(id);
    if (found === undefined) return undefined;
    const nowMs = this.#nowMs();
    if (nowMs - found.usedAtMs > this.#idleMs) {
      this.#sessions.delete(found.session.id);
      return undefined;
    }
    found.usedAtMs = nowMs;
    return found.session;
  }

  /** Binds a session to another tenant. */
  select(id: string, clientId: number): void {
    const found = this.#sessions.get(id);
    if (found !== undefined) found.session = { ...found.session, clientId };
  }

  end(id: string): void {
    this.#sessions.delete(id);
  }

  endAll(): void {
    this.#sessions.clear();
  }
}
