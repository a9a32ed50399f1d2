import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import { errorBody } from './schemas.ts';

const historyEntry = z.object({
  revision: z.number(),
  position: z.number(),
  id: z.string(),
  type: z.string(),
  at: z.string().describe('When it was asked for'),
  recordedAt: z.string().describe('When it was stored'),
  actor: z.record(z.string(), z.unknown()),
  commandId: z.string(),
  fields: z.object({ set: z.array(z.string()), cleared: z.array(z.string()) }),
  data: z.unknown().describe('The event itself; null where the key was destroyed'),
});

const keysOf = (value: unknown): string[] =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value).sort() : [];
const stringsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string').sort() : [];

/** Who did what when. The fields are those the event sets and clears, whatever class of item it is of. */
function entryOf(event: RecordedEvent): z.infer<typeof historyEntry> {
  const data = (event.data ?? {}) as { fields?: unknown; set?: unknown; cleared?: unknown };
  return {
    revision: event.revision,
    position: event.position,
    id: event.id,
    type: event.type,
    at: event.meta.at,
    recordedAt: event.recordedAt,
    actor: { ...event.meta.actor },
    commandId: event.meta.commandId,
    fields: { set: keysOf(data.fields ?? data.set), cleared: stringsOf(data.cleared) },
    data: event.data ?? null,
  };
}

export const itemRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  app.get(
    '/items/:id/history',
    {
      schema: {
        tags: ['items'],
        summary: 'The life of an item: every event with when, who, by which command, and the fields changed',
        params: z.object({
          id: z.string().regex(/^[a-z0-9]{1,64}$/, 'must be an item id like those phones are given'),
        }),
        response: {
          200: z.object({ item: z.string(), stream: z.string(), events: z.array(historyEntry) }),
          400: errorBody,
          401: errorBody,
          404: errorBody,
          501: errorBody,
        },
      },
    },
    async ({ params }, reply) => {
      if (!deps.locateItem) return fail(reply, 501, 'not_available', 'This process has no items.');
      const found = await deps.locateItem(params.id);
      if (!found) return fail(reply, 404, 'unknown_item', `There is no item ${params.id}, and there was none.`);
      const { events } = await deps.store.load(found.tenant, found.stream);
      return { item: params.id, stream: found.stream, events: events.map(entryOf) };
    },
  );
};
