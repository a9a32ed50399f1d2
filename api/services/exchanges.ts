/** What devices asked and were answered, for support: by person, device and time, and one with all there is of it. */

import { decodeWbxml } from '../../adapters/activesync/wbxml/decode.ts';
import { formatXml } from '../../adapters/activesync/wbxml/format.ts';
import { explained } from '../../adapters/exchange-record/causes.ts';
import type { Exchange, ExchangeBody, ExchangeQuery, QuietHour } from '../../adapters/exchange-record/port.ts';
import type { ExchangeRecorder } from '../../adapters/exchange-record/recorder.ts';
import type { ExchangeStore } from '../../adapters/exchange-record/store.port.ts';
import type { DeviceKey, ExchangeId, TenantId } from '../../domain/shared/ids.ts';
import type { Names, Whose } from './names.ts';

export interface ExchangesOptions {
  readonly store: ExchangeStore;
  readonly recorder: ExchangeRecorder;
  readonly names: Pick<Names, 'whose'>;
}

export interface ExplainedCause {
  readonly cause: string;
  readonly meaning: string;
  readonly todo: string;
}

/** One exchange with everything that is known of it. */
export interface WholeExchange extends Exchange, Whose {
  readonly explained: readonly ExplainedCause[];
  /** Null where it was not kept, or whose key is gone. */
  readonly body:
    | (Omit<ExchangeBody, 'request' | 'answer'> & {
        /** Readable XML; null where it was too large, no more at hand, or empty. */
        readonly request: string | null;
        readonly answer: string | null;
      })
    | null;
}

const pageRows = 500;

export class Exchanges {
  readonly #options: ExchangesOptions;

  constructor(options: ExchangesOptions) {
    this.#options = options;
  }

  /** What was answered until now can be read from now on. */
  async #upToDate(): Promise<ExchangeStore> {
    await this.#options.recorder.flush();
    return this.#options.store;
  }

  async page(query: ExchangeQuery): Promise<{ exchanges: Exchange[]; next: ExchangeId | null }> {
    const exchanges = await (await this.#upToDate()).list(query);
    return { exchanges, next: exchanges.length === query.limit ? (exchanges.at(-1)?.id ?? null) : null };
  }

  /** All that there are, page by page. */
  async *all(query: Omit<ExchangeQuery, 'limit'>): AsyncIterable<Exchange> {
    const store = await this.#upToDate();
    for (let { after } = query; ; ) {
      const exchanges = await store.list({ ...query, after, limit: pageRows });
      yield* exchanges;
      if (exchanges.length < pageRows) return;
      after = exchanges.at(-1)?.id;
    }
  }

  async quiet(tenant: TenantId, device: DeviceKey, from?: string): Promise<QuietHour[]> {
    return await (await this.#upToDate()).quiet(tenant, device, from);
  }

  async find(id: ExchangeId): Promise<WholeExchange | undefined> {
    const store = await this.#upToDate();
    const exchange = await store.find(id);
    if (!exchange) return undefined;
    const body = exchange.hasBody ? await store.body(exchange) : undefined;
    return {
      ...exchange,
      ...(await this.#options.names.whose(exchange)),
      explained: exchange.causes.map((cause) => {
        const { meaning, todo } = explained(cause);
        return { cause, meaning, todo };
      }),
      body: body ? { ...body, request: readable(body.request), answer: readable(body.answer) } : null,
    };
  }
}

function readable(wbxml: Uint8Array | null): string | null {
  if (!wbxml || wbxml.length === 0) return null;
  const decoded = decodeWbxml(wbxml);
  return decoded.ok ? formatXml(decoded.root) : `not WBXML: ${decoded.reason} at byte ${decoded.offset}`;
}
