/** The life of an item, for auditors. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { historyColumns } from '../../adapters/history/columns.ts';
import type { HistoryEntry } from '../../adapters/history/entry.ts';
import type { ItemId, Position } from '../../domain/shared/ids.ts';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import { errorBody, itemParams, positionText } from './schemas.ts';
import { sendCsv, sendLines, wantedOf } from './streaming.ts';

const value = z.unknown().describe('Absent where nothing was set; a long text is cut here');

const record = z.record(z.string(), z.unknown());

const historyEntry = z.object({
  revision: z.number(),
  position: z.number(),
  stream: z.string().describe("The item's own, or writeback-<item> for what concerns its record in the office"),
  id: z.string(),
  type: z.string().describe('Forgotten where the key was destroyed'),
  at: z.string().describe('When it was asked for'),
  recordedAt: z.string().describe('When it was stored'),
  claimedAt: z.string().nullable().describe('When it was done, as the device says'),
  actor: record,
  who: z
    .object({
      kind: z.string(),
      account: z.string().nullable(),
      email: z.string().nullable(),
      displayName: z.string().nullable(),
      device: z.record(z.string(), z.string().nullable()).nullable().describe('As the device was then'),
      name: z.string().nullable().describe('The colleague in the office, or the administrator'),
      text: z.string(),
    })
    .describe('Who acted, as they were then'),
  commandId: z.string(),
  cause: record.nullable().describe('By which command, with which sync key, in which exchange, for which reason'),
  fields: z.object({ set: z.array(z.string()).readonly(), cleared: z.array(z.string()).readonly() }),
  changes: z.array(z.object({ path: z.string(), before: value, after: value })).readonly(),
  movedFrom: z.string().nullable(),
  presence: z.enum(['added', 'removed', 'restored']).nullable(),
  conflict: record.nullable().describe('By which rule a conflict was decided, and what the loser wanted'),
  office: record.nullable().describe('What the office was asked and answered'),
  data: z.unknown().describe('The event itself; null where the key was destroyed'),
  note: z.string().nullable(),
  summary: z.string(),
});

export const itemRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  app.get(
    '/items/:id/history',
    {
      schema: {
        tags: ['items'],
        summary: 'The life of an item: every event with when, who, by which command, and what changed into what',
        description:
          'In the order of the log, what concerns its record in the office among it. With Accept ' +
          'application/x-ndjson or text/csv all of it comes as a stream, a line an event.',
        params: itemParams,
        querystring: z.strictObject({
          limit: z.coerce.number().int().min(1).max(1_000).default(200),
          after: positionText.optional().describe('`next` of the page before'),
        }),
        response: {
          200: z.object({
            item: z.string(),
            stream: z.string(),
            events: z.array(historyEntry),
            next: z.number().nullable(),
          }),
          400: errorBody,
          401: errorBody,
          404: errorBody,
          501: errorBody,
        },
      },
    },
    async (request, reply) => {
      const { params, query } = request;
      const histories = deps.support?.histories;
      if (!histories) return fail(reply, 501, 'not_available', 'This process has no items.');
      const located = await histories.locate(params.id as ItemId);
      if (!located) return fail(reply, 404, 'unknown_item', `There is no item ${params.id}, and there was none.`);
      const entries = histories.entries(located, query.after as Position | undefined);
      const wanted = wantedOf(request);
      if (wanted === 'ndjson') return sendLines(reply, entries);
      if (wanted === 'csv') return sendCsv(reply, entries, historyColumns);
      const events: HistoryEntry[] = [];
      let isMore = false;
      for await (const entry of entries) {
        isMore = events.length === query.limit;
        if (isMore) break;
        events.push(entry);
      }
      const next = isMore ? (events.at(-1)?.position ?? null) : null;
      return {
        item: params.id,
        stream: located.stream,
        events: events as unknown as z.input<typeof historyEntry>[],
        next,
      };
    },
  );
};
