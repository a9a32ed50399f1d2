/** The read models: how far each has read the log, and making one anew. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import { needsStoppedServer } from '../services/read-models.ts';
import { errorBody } from './schemas.ts';
import { sendLines } from './streaming.ts';

const errors = { 400: errorBody, 401: errorBody, 409: errorBody, 501: errorBody };
const tags = ['read models'];

export const readModelRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  const notAvailable = 'This process has no read models.';

  app.get(
    '/read-models',
    {
      schema: {
        tags,
        summary: 'The read models, and how far each has read the log of each tenant',
        response: {
          ...errors,
          200: z.object({
            readModels: z.array(
              z.object({
                projection: z.string(),
                version: z.number(),
                tenant: z.string(),
                position: z.number().describe('Up to here its rows hold everything'),
                head: z.number().describe('The last position of the log'),
              }),
            ),
          }),
        },
      },
    },
    async (_request, reply) => {
      const models = deps.support?.readModels;
      return models ? { readModels: await models.standing() } : fail(reply, 501, 'not_available', notAvailable);
    },
  );

  app.post(
    '/read-models/rebuild',
    {
      schema: {
        tags,
        summary: 'Make read models anew from the log beside the live ones, compare them and put them in place',
        description:
          'Answers with lines of JSON (application/x-ndjson): progress, then for each read model the events folded and, ' +
          'table by table, the rows that differ. It goes on when the client hangs up.',
        body: z.strictObject({
          projections: z.array(z.string()).min(1).max(100).optional().describe('Their names; all when absent'),
          dryRun: z.boolean().default(false).describe('Compare only'),
        }),
        response: errors,
      },
    },
    async ({ body }, reply) => {
      const models = deps.support?.readModels;
      if (!models) return fail(reply, 501, 'not_available', notAvailable);
      const { projections, dryRun } = body;
      const stranger = projections?.find((name) => !models.names.includes(name));
      if (stranger !== undefined) {
        const known = models.names.join(', ');
        return fail(reply, 400, 'invalid_request', `There is no read model ${stranger}; there are ${known}.`);
      }
      const held = projections?.find((name) => needsStoppedServer.has(name));
      if (held !== undefined && !dryRun) {
        const how = `stop it and use: npm run mobilesync -- rebuild ${held}`;
        return fail(reply, 409, 'in_use', `${held} can be made anew only while the server is stopped: ${how}.`);
      }
      const chosen = projections ?? models.names.filter((name) => dryRun || !needsStoppedServer.has(name));
      return sendLines(reply, models.rebuild(chosen, dryRun));
    },
  );
};
