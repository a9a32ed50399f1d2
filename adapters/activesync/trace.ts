/**
 * What is noted of a request while it is served, for the record of exchanges. There is one for each request and most
 * have nothing to tell, so nothing is made before it is needed, not even the id.
 */
import { v7 } from 'uuid';
import type { Folder } from '../../domain/folder/state.ts';
import {
  type CollectionId,
  type ExchangeId,
  type ItemId,
  NO_POSITION,
  type Position,
} from '../../domain/shared/ids.ts';
import { keyName } from '../../domain/sync/key.ts';
import type { CollectionExchange, RecognisedKey } from '../exchange-record/port.ts';
import type { ExchangeRequest, ExchangeResult } from './conversation/terms.ts';
import type { CommandName } from './http/command-names.ts';
import type { Query } from './http/query.ts';

/** What came in, as long as it is at hand: a request that waits for hours gives it up. */
export interface Asked {
  readonly query: Query;
  readonly policyKey: string | undefined;
  readonly userAgent: string | undefined;
  readonly body: Buffer | undefined;
}

export interface Withheld {
  readonly collection: CollectionId;
  readonly item: ItemId;
  /** May quote what the item says. */
  readonly reason: string;
}

/** Where a collection's exchange begins. */
interface Standing {
  readonly key: string;
  readonly recognised: RecognisedKey;
  readonly revision: number;
}

const nothing: readonly never[] = Object.freeze([]);
const notTaken: Standing = { key: '', recognised: 'unknown', revision: -1 };
/** A parked Sync keeps a body up to this size, since its answer may be one that somebody wants to replay. */
const parkedBytesMax = 2_048;

export class ExchangeTrace {
  readonly command: CommandName;
  readonly startedMs: number;
  readonly requestBytes: number;
  asked: Asked | undefined;
  /** Where the log stood for the one who answers; 0 until that was looked at. */
  position = NO_POSITION;
  /** Everything of this device is wanted. */
  isWatched = false;
  isParked = false;
  waitedMs = 0;
  /** What the command ended with, where it did not answer. */
  error: unknown;
  /** Turned away before the command was looked at, because of what came before. */
  isBraked = false;
  #isTaken = false;
  #id: ExchangeId | undefined;
  #standing = notTaken;
  #collections: CollectionExchange[] | undefined;
  #withheld: Withheld[] | undefined;
  #withheldBefore = 0;

  /** @param id of an exchange that is run once more; made when it is asked for unless told. */
  constructor(command: CommandName, startedMs: number, asked: Asked, id?: ExchangeId) {
    this.command = command;
    this.#id = id;
    this.startedMs = startedMs;
    this.requestBytes = asked.body?.length ?? 0;
    this.asked = asked;
  }

  /** The request's name: a UUID version 7 of the time it came. */
  get id(): ExchangeId {
    this.#id ??= v7({ msecs: this.startedMs }) as ExchangeId;
    return this.#id;
  }

  get collections(): readonly CollectionExchange[] {
    return this.#collections ?? nothing;
  }

  get withheld(): readonly Withheld[] {
    return this.#withheld ?? nothing;
  }

  /** The collections are looked at from the first to the last, perhaps once more after a wait. */
  round(): void {
    this.#isTaken = false;
    this.#collections = undefined;
    this.#withheld = undefined;
    this.#withheldBefore = 0;
  }

  /** A collection's exchange begins, or begins again because another process was faster. */
  took(key: string, recognised: RecognisedKey, revision: number, position: Position): void {
    if (!this.#isTaken) this.position = position;
    this.#isTaken = true;
    this.#standing = { key, recognised, revision };
    if (this.#withheld) this.#withheld.length = this.#withheldBefore;
  }

  withhold(collection: CollectionId, item: ItemId, reason: string): void {
    this.#withheld ??= [];
    this.#withheld.push({ collection, item, reason });
  }

  /** A collection's exchange is over. One without news leaves no trace. */
  collected(collection: CollectionId, kind: Folder['kind'] | null, request: ExchangeRequest, result: ExchangeResult) {
    const withheld = this.withheld.length - this.#withheldBefore;
    if (!result.isUnchanged || withheld > 0) {
      this.#collections ??= [];
      this.#collections.push({
        collection,
        kind,
        ...this.#standing,
        commands: counted(request.commands, commandKinds, (one) => one.do),
        statuses: statusesOf(result),
        told: counted(result.commands, toldKinds, (one) => one.op),
        withheld,
        status: result.status,
        issuedKey: keyName(result.syncKey),
        moreAvailable: result.moreAvailable,
      });
    }
    this.#withheldBefore = this.withheld.length;
    this.#standing = notTaken;
  }

  /** The request waits now, for hours perhaps: what is large and hardly ever asked for goes. */
  parked(): void {
    const isAgain = this.isParked;
    this.isParked = true;
    if (isAgain || this.isWatched || !this.asked) return;
    const { body } = this.asked;
    if (this.command !== 'Sync' || (body && body.length > parkedBytesMax)) this.asked = undefined;
    // A small buffer is a part of a large one, which would stay with it.
    else if (body) this.asked = { ...this.asked, body: Buffer.from(new Uint8Array(body).buffer) };
  }
}

const commandKinds = ['add', 'change', 'delete', 'fetch'] as const;
const toldKinds = ['add', 'change', 'delete', 'softDelete'] as const;

function counted<One, Kind extends string>(
  list: readonly One[],
  kinds: readonly Kind[],
  kindOf: (one: One) => Kind,
): Readonly<Record<Kind, number>> {
  const counts = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<Kind, number>;
  for (const one of list) counts[kindOf(one)]++;
  return counts;
}

function statusesOf({ responses }: ExchangeResult): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of responses) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
