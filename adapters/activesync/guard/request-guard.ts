/**
 * Notices loops and storms of devices, and brakes them: 503 with Retry-After (MS-ASHTTP 3.1.5.2.3), for what loops alone
 * where that can be told apart, at first for half a minute, then longer. A brake ends by itself.
 *
 * All of it is kept in memory, of this process alone: of the 20,000 devices that came last about two kilobytes each (the
 * last few requests as digests, the last key of each folder), and of 10,000 brakes.
 */
import { LRUCache } from 'lru-cache';
import type { DeviceState } from '../../../domain/device/state.ts';
import type { AccountId, DeviceKey, TenantId } from '../../../domain/shared/ids.ts';
import type { CommandName } from '../http/command-names.ts';
import type { Session } from '../session.ts';
import type { Element } from '../wbxml/element.ts';
import { type Brake, type BrakeReason, braked } from './brake.ts';
import {
  beginsMax,
  defaultGuardLimits,
  type GuardLimits,
  hourMs,
  minuteMs,
  stuckMax,
  stuckWithinMs,
} from './limits.ts';
import { digestOf, keysOf, type PresentedKey } from './presented.ts';
import { Tally } from './tally.ts';

/** What a device that is braked is answered. */
export interface Refused {
  readonly seconds: number;
  /** For the header X-MS-ASThrottle (MS-ASHTTP 2.2.2.1.2.13). */
  readonly throttle: string;
}

export interface RequestGuardOptions {
  readonly limits?: GuardLimits;
  readonly nowMs: () => number;
  /** Told when a brake begins, and each time it begins again. */
  readonly onBraked?: (brake: Brake) => void;
}

const devicesMax = 20_000;
const accountsMax = 10_000;
const brakesMax = 10_000;
/** Of one device. */
const requestsMax = 8;
const foldersMax = 32;

const throttles: Readonly<Record<BrakeReason, string>> = {
  repeated: 'RecentCommands',
  stuckKey: 'RecentSyncs',
  beginsAnew: 'RecentSyncs',
  newDevices: 'CommandFrequency',
  storm: 'CommandFrequency',
};

/** What is remembered of a folder of a device. */
interface Standing {
  key: string;
  /** The last request with commands under this key. */
  digest: string;
  readonly stuck: Tally;
  readonly begins: Tally;
}

interface Seen {
  readonly pace: Tally;
  readonly requests: Map<string, Tally>;
  readonly folders: Map<string, Standing>;
}

export class RequestGuard {
  readonly #limits: GuardLimits;
  readonly #nowMs: () => number;
  readonly #onBraked: (brake: Brake) => void;
  readonly #seen = new LRUCache<DeviceKey, Seen>({ max: devicesMax });
  readonly #newcomers = new LRUCache<AccountId, Map<DeviceKey, number>>({ max: accountsMax });
  readonly #brakes = new LRUCache<string, Brake>({ max: brakesMax });

  constructor({ limits, nowMs, onBraked }: RequestGuardOptions) {
    this.#limits = limits ?? defaultGuardLimits;
    this.#nowMs = nowMs;
    this.#onBraked = onBraked ?? (() => {});
  }

  /** Before a command is carried out: why it is not, or undefined. Provision always is: a wipe waits for nothing. */
  ask(
    session: Session,
    command: CommandName,
    body: Uint8Array | undefined,
    root: Element | undefined,
  ): Refused | undefined {
    if (command === 'Provision') return undefined;
    const nowMs = this.#nowMs();
    const seen = this.#seenOf(session.device);
    const digest = digestOf(command, body);
    const keys = keysOf(command, root);
    // Every key is followed, whatever comes of the first.
    const found = keys.map((presented) => this.#follow(session, seen, presented, digest, nowMs));
    const hasMoved = found.includes('moved');
    if (hasMoved) seen.requests.clear();
    const isNew = hasMoved || !seen.requests.has(digest);
    return (
      this.#storm(session, seen, isNew ? 0.1 : 1, nowMs) ??
      found.find((one) => typeof one === 'object') ??
      this.#repeat(session, seen, command, digest, nowMs)
    );
  }

  /** Before a device is paired: why it is not, or undefined. One that turns out to be an old one does not count. */
  meet(session: Session, state: DeviceState): Refused | undefined {
    const { account, device } = session;
    if (state.kind === 'device') {
      if (state.former !== undefined) this.#newcomers.get(account)?.delete(device);
      return undefined;
    }
    const max = this.#limits.newDevicesPerHour;
    if (max === 0) return undefined;
    const nowMs = this.#nowMs();
    const refused = this.#refusal(session, 'newDevices', '', nowMs);
    if (refused) return refused;
    let newcomers = this.#newcomers.get(account);
    if (!newcomers) this.#newcomers.set(account, (newcomers = new Map()));
    for (const [one, sinceMs] of newcomers) if (nowMs - sinceMs >= hourMs) newcomers.delete(one);
    if (newcomers.has(device)) return undefined;
    if (newcomers.size >= max) return this.#brake(session, 'newDevices', '', nowMs);
    newcomers.set(device, nowMs);
    return undefined;
  }

  /** The brakes that hold, and those that ended within the hour; the newest first. */
  list(person?: { readonly tenant: TenantId; readonly account: AccountId }): Brake[] {
    const nowMs = this.#nowMs();
    return [...this.#brakes.values()]
      .filter(({ untilMs }) => nowMs - untilMs < hourMs)
      .filter(({ tenant, account }) => !person || (tenant === person.tenant && account === person.account))
      .sort((a, b) => b.sinceMs - a.sinceMs);
  }

  #seenOf(device: DeviceKey): Seen {
    let seen = this.#seen.get(device);
    if (!seen) {
      seen = { pace: new Tally(minuteMs), requests: new Map(), folders: new Map() };
      this.#seen.set(device, seen);
    }
    return seen;
  }

  #storm(session: Session, seen: Seen, weight: number, nowMs: number): Refused | undefined {
    const max = this.#limits.requestsPerMinute;
    if (max === 0) return undefined;
    // Who goes on while it is braked is not let in again.
    const pace = seen.pace.add(nowMs, weight);
    return (
      this.#refusal(session, 'storm', '', nowMs) ?? (pace > max ? this.#brake(session, 'storm', '', nowMs) : undefined)
    );
  }

  #repeat(session: Session, seen: Seen, command: string, digest: string, nowMs: number): Refused | undefined {
    const max = this.#limits.repeatsPerMinute;
    const { requests } = seen;
    const known = requests.get(digest);
    const tally = known ?? new Tally(minuteMs);
    // What came last is last in the map, and goes last.
    if (known) requests.delete(digest);
    else if (requests.size >= requestsMax) requests.delete(requests.keys().next().value as string);
    requests.set(digest, tally);
    if (max === 0) return undefined;
    // The digest keeps two requests apart that loop side by side; people are told the command.
    const refused = this.#refusal(session, 'repeated', command, nowMs, digest);
    if (refused) return refused;
    if (tally.add(nowMs, 1) <= max) return undefined;
    tally.begin(nowMs, max * 0.75);
    return this.#brake(session, 'repeated', command, nowMs, digest);
  }

  /** The key that a device presents for a folder: whether it has moved, or why the request is turned away. */
  #follow(
    session: Session,
    seen: Seen,
    { scope, key, hasCommands }: PresentedKey,
    digest: string,
    nowMs: number,
  ): 'moved' | 'same' | Refused {
    const { folders } = seen;
    let standing = folders.get(scope);
    if (!standing) {
      if (folders.size >= foldersMax) folders.delete(folders.keys().next().value as string);
      standing = { key: '', digest: '', stuck: new Tally(stuckWithinMs), begins: new Tally(stuckWithinMs) };
      folders.set(scope, standing);
    }
    if (key === '0') {
      standing.key = '0';
      return this.#count(session, 'beginsAnew', scope, key, standing.begins, beginsMax, nowMs) ?? 'same';
    }
    const isMoved = standing.key !== '' && standing.key !== key;
    if (standing.key !== key) {
      standing.key = key;
      standing.digest = '';
      standing.stuck.begin(nowMs, 0);
    }
    if (!hasCommands || standing.digest === digest) return isMoved ? 'moved' : 'same';
    standing.digest = digest;
    return (
      this.#count(session, 'stuckKey', scope, key, standing.stuck, stuckMax, nowMs) ?? (isMoved ? 'moved' : 'same')
    );
  }

  #count(
    session: Session,
    reason: BrakeReason,
    scope: string,
    key: string,
    tally: Tally,
    max: number,
    nowMs: number,
  ): Refused | undefined {
    // Braked is what comes with this key: another one shows that the device gets on.
    const refused = this.#refusal(session, reason, scope, nowMs, key);
    if (refused) return refused;
    if (tally.add(nowMs, 1) <= max) return undefined;
    tally.begin(nowMs, max * 0.75);
    return this.#brake(session, reason, scope, nowMs, key);
  }

  #refusal(session: Session, reason: BrakeReason, scope: string, nowMs: number, apart = ''): Refused | undefined {
    if (this.#brakes.size === 0) return undefined;
    const name = nameOf(session, reason, scope, apart);
    const brake = this.#brakes.get(name);
    if (!brake || brake.untilMs <= nowMs) return undefined;
    this.#brakes.set(name, { ...brake, refused: brake.refused + 1 });
    return { seconds: Math.ceil((brake.untilMs - nowMs) / 1_000), throttle: throttles[reason] };
  }

  #brake(session: Session, reason: BrakeReason, scope: string, nowMs: number, apart = ''): Refused {
    const { tenant, account, device, deviceId } = session;
    const name = nameOf(session, reason, scope, apart);
    const brake = braked({ reason, tenant, account, device, deviceId, scope }, this.#brakes.get(name), nowMs);
    this.#brakes.set(name, { ...brake, refused: brake.refused + 1 });
    this.#onBraked(brake);
    return { seconds: Math.ceil((brake.untilMs - nowMs) / 1_000), throttle: throttles[reason] };
  }
}

function nameOf({ tenant, account, device }: Session, reason: BrakeReason, scope: string, apart: string): string {
  const whose = reason === 'newDevices' ? account : device;
  return `${tenant}/${whose}/${reason}/${scope}/${apart}`;
}
