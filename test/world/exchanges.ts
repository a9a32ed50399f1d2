/** A record of exchanges in memory: everything of every device, in full. */
import type { ExchangeSink } from '../../adapters/activesync/deps.ts';
import type { CommandAnswer } from '../../adapters/activesync/request.ts';
import type { Session } from '../../adapters/activesync/session.ts';
import type { ExchangeTrace } from '../../adapters/activesync/trace.ts';
import { bodyOf, entryOf } from '../../adapters/exchange-record/entry.ts';
import { judge } from '../../adapters/exchange-record/judge.ts';
import type { Exchange, ExchangeBody, ExchangeQuery, ExchangeReader } from '../../adapters/exchange-record/port.ts';
import { type ExchangeId, NO_POSITION, type Position } from '../../domain/shared/ids.ts';

export class MemoryExchanges implements ExchangeSink, Pick<ExchangeReader, 'find' | 'list' | 'body'> {
  readonly isWatchingAll = true;
  readonly all: Exchange[] = [];
  readonly #bodies = new Map<ExchangeId, ExchangeBody>();

  get last(): Exchange {
    return this.all.at(-1) as Exchange;
  }

  position(): Position {
    return NO_POSITION;
  }

  answered(session: Session, trace: ExchangeTrace, answer: CommandAnswer): void {
    const judgement = judge(trace, answer, 0);
    const facts = { durationMs: 0, appVersion: '1', mappingVersion: 1 };
    const { exchange } = entryOf(session, trace, answer, judgement, facts);
    this.all.push({ ...exchange, hasBody: true });
    this.#bodies.set(exchange.id, bodyOf(session, trace, answer));
  }

  async find(id: ExchangeId): Promise<Exchange | undefined> {
    return this.all.find((exchange) => exchange.id === id);
  }

  async list({ device, from, to, suspicious, newestFirst, after, limit }: ExchangeQuery): Promise<Exchange[]> {
    const found = this.all.filter(
      (exchange) =>
        (!device || exchange.device === device) &&
        (!from || exchange.at >= from) &&
        (!to || exchange.at < to) &&
        (!suspicious || exchange.verdicts.length > 0),
    );
    if (newestFirst) found.reverse();
    const start = after ? found.findIndex(({ id }) => id === after) + 1 : 0;
    return found.slice(start, start + limit);
  }

  async body({ id }: Pick<Exchange, 'id'>): Promise<ExchangeBody | undefined> {
    return this.#bodies.get(id);
  }

  /** The request or the answer was not kept. */
  forget(id: ExchangeId): void {
    const index = this.all.findIndex((exchange) => exchange.id === id);
    this.all[index] = { ...(this.all[index] as Exchange), hasBody: false };
    this.#bodies.delete(id);
  }
}
