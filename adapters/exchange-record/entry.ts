/** An exchange on its way into the record. */
import { accountSubject, itemSubject } from '../../domain/shared/streams.ts';
import type { CommandAnswer } from '../activesync/request.ts';
import type { Session } from '../activesync/session.ts';
import type { ExchangeTrace, Withheld } from '../activesync/trace.ts';
import type { DataKey, KeyRing } from '../crypto.port.ts';
import { bodyBytesMax, sealBody } from './body.ts';
import type { Judgement } from './judge.ts';
import type { Exchange, ExchangeBody } from './port.ts';
import type { ExchangeBatch, WithheldNote } from './store.port.ts';
import { sealReason } from './withheld-reason.ts';

export interface Entry {
  readonly exchange: Exchange;
  /** Absent where it is not kept. */
  readonly body?: ExchangeBody;
  readonly withheld: readonly Withheld[];
}

const withheldMax = 200;
const placesMax = 12;
const userAgentMax = 256;

export function entryOf(
  session: Session,
  trace: ExchangeTrace,
  answer: CommandAnswer,
  { httpStatus, status, verdicts, causes }: Judgement,
  facts: Pick<Exchange, 'durationMs' | 'appVersion' | 'mappingVersion'>,
): Entry {
  return {
    exchange: {
      id: trace.id,
      tenant: session.tenant,
      account: session.account,
      device: session.device,
      at: new Date(trace.startedMs).toISOString(),
      waitedMs: trace.waitedMs,
      command: trace.command,
      version: session.version,
      httpStatus,
      status,
      requestBytes: trace.requestBytes,
      answerBytes: answer.kind === 'wbxml' ? answer.body.length : 0,
      position: trace.position,
      collections: trace.collections,
      verdicts,
      causes,
      hasBody: false,
      ...facts,
    },
    withheld: trace.withheld.slice(0, withheldMax),
  };
}

/** The request as far as it is still at hand, and the answer. */
export function bodyOf(session: Session, trace: ExchangeTrace, answer: CommandAnswer): ExchangeBody {
  const { asked, error } = trace;
  const request = asked?.body ?? (trace.requestBytes === 0 ? new Uint8Array() : null);
  return {
    query: {
      command: trace.command,
      deviceId: session.deviceId,
      deviceType: asked?.query.deviceType ?? '',
      parameters: { ...asked?.query.parameters },
    },
    policyKey: asked?.policyKey ?? null,
    userAgent: asked?.userAgent?.slice(0, userAgentMax) ?? null,
    request: fitting(request),
    answer: fitting(answer.kind === 'wbxml' ? answer.body : null),
    error: error === undefined ? null : placeOf(error),
  };
}

/** Of request and answer together, as on the wire. */
export function bytesOf(body: ExchangeBody | undefined): number {
  return (body?.request?.length ?? 0) + (body?.answer?.length ?? 0);
}

/** About what an entry takes of memory while it waits. */
export function sizeOf({ exchange, body, withheld }: Entry): number {
  return 500 + exchange.collections.length * 500 + withheld.length * 300 + bytesOf(body);
}

/** Seals what is personal: bodies by the person's key, reasons by the item's. */
export async function sealedBatch(keys: KeyRing, entries: readonly Entry[]): Promise<ExchangeBatch> {
  const exchanges: Exchange[] = [];
  const bodies: ExchangeBatch['bodies'][number][] = [];
  const withheld: WithheldNote[] = [];
  for (const [tenant, some] of Map.groupBy(entries, ({ exchange }) => exchange.tenant)) {
    const subjects = some.flatMap(({ exchange, body, withheld: items }) => [
      ...(body ? [accountSubject(exchange.account)] : []),
      ...items.map(({ item }) => itemSubject(item)),
    ]);
    const found = subjects.length === 0 ? noKeys : await keys.find(tenant, [...new Set(subjects)]);
    for (const { exchange, body, withheld: items } of some) {
      const { id, account, device, at } = exchange;
      // Whoever was erased meanwhile has no key, and of them nothing is kept but that something was asked.
      const key = body && found.get(accountSubject(account));
      exchanges.push({ ...exchange, hasBody: key !== undefined });
      if (key && body) bodies.push({ id, account, sealed: await sealBody(key, id, body) });
      for (const { collection, item, reason } of items) {
        const itemKey = found.get(itemSubject(item));
        const sealed = itemKey ? sealReason(itemKey, device, item, reason) : null;
        withheld.push({ tenant, account, device, collection, item, reason: sealed, at, exchange: id });
      }
    }
  }
  return { exchanges, bodies, withheld };
}

const noKeys: ReadonlyMap<string, DataKey> = new Map();

/** The error's name and where it came from, without its message: that may quote what somebody wrote. */
function placeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const places = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return [error.name, ...places.slice(0, placesMax)].join('\n');
}

function fitting(bytes: Uint8Array | null): Uint8Array | null {
  return bytes && bytes.length <= bodyBytesMax ? bytes : null;
}
