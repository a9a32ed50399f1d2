/** What the application needs from the composition root. Everything concrete stays there. */
import type { FastifyPluginAsync } from 'fastify';
import type { Registry } from 'prom-client';
import type { EventStore } from '../adapters/event-log/event-store.port.ts';
import type { Logger } from '../adapters/log/logger.ts';
import type { Actor } from '../domain/shared/event.ts';
import type { DeviceKey } from '../domain/shared/ids.ts';
import type { Accounts } from './services/accounts.ts';
import type { Devices } from './services/devices.ts';
import type { Person } from './services/directory.ts';
import type { SignInService } from './services/sign-in.ts';
import type { Support } from './support.ts';

/** One question of readiness: resolves when the part works, rejects with a reason an operator understands. */
export type ReadyCheck = () => Promise<void>;

/** An account's office, for administrators; each answer is JSON. */
export interface OfficeAdministration {
  /** Crawls and write-back: when, with what outcome, what waits. */
  status(person: Person): Promise<Record<string, unknown>>;
  /** Crawls the person's office data now; answers with counts. */
  poll(person: Person): Promise<Record<string, unknown>>;
  /** Waits until the person's write-back queue is empty; answers with what is left. */
  writeback(person: Person): Promise<Record<string, unknown>>;
  /** What suspended crawls miss is really gone. Answers with how many crawls that released. */
  confirmShrink(person: Person, actor: Actor): Promise<Record<string, unknown>>;
}

export interface AppDeps {
  readonly logger: Logger;
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Whose word on who asks is believed; `loopback` unless told. */
  readonly trustedProxies?: readonly string[];
  readonly adminToken: string;
  readonly metrics: Registry;
  readonly accounts: Accounts;
  readonly devices: Devices;
  readonly signIn: SignInService;
  readonly store: EventStore;
  readonly ready: {
    readonly checks: Readonly<Record<string, ReadyCheck>>;
    /** Base URL of the office simulator, in the demo. */
    readonly office?: string;
    /** The process still serves and is about to stop, so nobody is to be sent to it any more. */
    readonly isLeaving?: () => boolean;
  };
  /** Whether an error says that the database or the log cannot be reached just now. */
  readonly isAway?: (error: unknown) => boolean;
  /** Systems an account may be connected to. */
  readonly officeSystems: readonly string[];

  /** `/Microsoft-Server-ActiveSync`, mounted in a scope of its own: no hook or parser of ours runs there. */
  readonly activesync?: FastifyPluginAsync;
  /** Called when the server stops taking requests: every parked one (Ping, Sync with a wait) is to be answered now. */
  readonly shutdown?: () => Promise<void> | void;
  /** Each conversation of a device with a collection, as a supporter wants to see it. */
  readonly conversations?: (person: Person, device: DeviceKey) => Promise<readonly Record<string, unknown>[]>;
  /** What of it this process can do; nothing where it does not speak to an office. */
  readonly office?: Partial<OfficeAdministration>;
  /** For auditors and support; absent where this process has no items. */
  readonly support?: Partial<Support>;
}
