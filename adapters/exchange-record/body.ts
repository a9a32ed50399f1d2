/** Bodies as they are kept: a header in JSON and the two documents, compressed together, sealed by the account's key. */
import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import type { ExchangeId } from '../../domain/shared/ids.ts';
import type { DataKey } from '../crypto.port.ts';
import type { ExchangeBody } from './port.ts';

/** Of each of the two documents; a larger one is not kept. */
export const bodyBytesMax = 2_000_000;
const headerBytesMax = 16_384;

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

interface Header extends Omit<ExchangeBody, 'request' | 'answer'> {
  readonly requestBytes: number | null;
  readonly answerBytes: number | null;
}

const contextOf = (id: ExchangeId) => `exchange/${id}`;

/** Packs request, answer and what came with them, and seals it under the person's key. */
export async function sealBody(key: DataKey, id: ExchangeId, body: ExchangeBody): Promise<Buffer> {
  const { request, answer, ...rest } = body;
  const header: Header = { ...rest, requestBytes: request?.length ?? null, answerBytes: answer?.length ?? null };
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  const packed = await deflate(Buffer.concat([length, json, request ?? Buffer.alloc(0), answer ?? Buffer.alloc(0)]));
  return Buffer.from(key.seal(packed, contextOf(id)));
}

/** @throws SealBroken when the bytes were changed or are another exchange's. */
export async function openBody(key: DataKey, id: ExchangeId, sealed: Uint8Array): Promise<ExchangeBody> {
  const packed = key.open(sealed, contextOf(id));
  const plain = await inflate(packed, { maxOutputLength: 2 * bodyBytesMax + headerBytesMax });
  const start = 4 + plain.readUInt32BE(0);
  const { requestBytes, answerBytes, ...rest } = JSON.parse(plain.toString('utf8', 4, start)) as Header;
  const middle = start + (requestBytes ?? 0);
  return {
    ...rest,
    request: requestBytes === null ? null : plain.subarray(start, middle),
    answer: answerBytes === null ? null : plain.subarray(middle, middle + (answerBytes ?? 0)),
  };
}
