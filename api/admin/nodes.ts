/** The nodes of this installation, and who works for how many tenants. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import { errorBody } from './schemas.ts';

const node = z.object({
  id: z.string().describe('Of this life of the node: it has another one after each start'),
  host: z.string(),
  pid: z.number(),
  version: z.string(),
  startedAt: z.string(),
  expiresInMs: z.number().describe('It counts as dead then, unless it says something again'),
  isWorking: z.boolean().describe('False for one that leaves the read models to newer programs'),
  tenants: z.number().describe('For how many tenants it projects, crawls and writes back'),
  lastGainedAt: z.string().nullable().describe('Since when it has the latest of them'),
  isThis: z.boolean().describe('It is the one that answers'),
});

export const nodeRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  app.get(
    '/nodes',
    {
      schema: {
        tags: ['operation'],
        summary: 'The nodes that live, the oldest first, and for how many tenants each works',
        response: { 200: z.object({ nodes: z.array(node) }), 401: errorBody, 501: errorBody },
      },
    },
    async (_request, reply) => {
      const nodes = deps.support?.nodes;
      return nodes ? { nodes: await nodes.list() } : fail(reply, 501, 'not_available', 'This process is alone.');
    },
  );
};
