/** Long answers, line by line: NDJSON and CSV are written as they are made, and cost no more memory than a line. */
import { Readable } from 'node:stream';
import { stringify } from 'csv-stringify/sync';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorBody } from '../errors.ts';

export type Wanted = 'json' | 'ndjson' | 'csv';

/** What the client can read, by its Accept header; a page of JSON unless it names one of the others. */
export function wantedOf(request: Pick<FastifyRequest, 'headers'>): Wanted {
  const accept = request.headers.accept ?? '';
  if (accept.includes('application/x-ndjson')) return 'ndjson';
  return accept.includes('text/csv') ? 'csv' : 'json';
}

/**
 * Answers with a line of JSON for each. What fails after the first line can no longer be a status: the last line is
 * then `{ "error", "message" }`.
 */
export function sendLines(reply: FastifyReply, items: AsyncIterable<unknown>): FastifyReply {
  return send(reply, 'application/x-ndjson; charset=utf-8', items, (item) => `${JSON.stringify(item)}\n`);
}

/** Answers with CSV (RFC 4180), a heading first. Cells that a spreadsheet would take for formulas stay text. */
export function sendCsv<Row>(
  reply: FastifyReply,
  rows: AsyncIterable<Row>,
  columns: readonly { readonly name: string; value(row: Row): string }[],
): FastifyReply {
  const line = (cells: readonly string[]) =>
    stringify([[...cells]], { record_delimiter: 'windows', escape_formulas: true });
  const header = line(columns.map(({ name }) => name));
  return send(
    reply,
    'text/csv; charset=utf-8; header=present',
    rows,
    (row) => line(columns.map((c) => c.value(row))),
    header,
  );
}

function send<Item>(
  reply: FastifyReply,
  type: string,
  items: AsyncIterable<Item>,
  lineOf: (item: Item) => string,
  header = '',
): FastifyReply {
  const { log, id } = reply.request;
  async function* lines() {
    if (header !== '') yield header;
    try {
      for await (const item of items) yield lineOf(item);
    } catch (error) {
      log.error({ err: error }, 'an answer broke off');
      const message = `Something went wrong here; the log tells more under request ${id}.`;
      yield `${JSON.stringify({ error: 'internal', message } satisfies ErrorBody)}\n`;
    }
  }
  return reply.type(type).send(Readable.from(lines()));
}
