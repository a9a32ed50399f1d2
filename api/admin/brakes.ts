/** Devices that loop or storm and are slowed down. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Brake } from '../../adapters/activesync/guard/brake.ts';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import { personOr404 } from './accounts.ts';
import { email, errorBody } from './schemas.ts';

const reasons = ['repeated', 'stuckKey', 'beginsAnew', 'newDevices', 'storm'] as const satisfies Brake['reason'][];

const brakeView = z.object({
  person: z.string().nullable().describe('Email address; null for a person who is gone'),
  deviceId: z.string(),
  device: z.string(),
  reason: z
    .enum(reasons)
    .describe(
      'repeated: the same request again and again; stuckKey: changes under a key that does not move; beginsAnew: SyncKey 0 again and again; newDevices: many devices of one account; storm: too many requests',
    ),
  scope: z.string().describe("The command or the folder that is braked; '' is everything of the device"),
  since: z.string(),
  until: z.string(),
  isBraked: z.boolean().describe('False when it ended, within the last hour'),
  times: z.number().describe('How often it was braked since then, each time for longer'),
  refused: z.number().describe('Requests that were answered 503 since then'),
});

export const brakeRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  app.get(
    '/brakes',
    {
      schema: {
        tags: ['brakes'],
        summary: 'Devices that loop or storm and are slowed down by this process, and those that were in the last hour',
        querystring: z.strictObject({
          person: email.optional(),
          limit: z.coerce.number().int().min(1).max(10_000).default(500).describe('The newest so many'),
        }),
        response: {
          200: z.object({ brakes: z.array(brakeView), total: z.number() }),
          ...{ 400: errorBody, 401: errorBody, 404: errorBody, 501: errorBody },
        },
      },
    },
    async ({ query }, reply) => {
      const { guard, names } = deps.support ?? {};
      if (!guard || !names) return fail(reply, 501, 'not_available', 'This process does not serve ActiveSync.');
      const person = query.person === undefined ? undefined : await personOr404(deps, query.person, reply);
      if (query.person !== undefined && !person) return reply;
      const all = guard.list(person && { tenant: person.tenant, account: person.account.id });
      const nowMs = Date.now();
      const view = async (brake: Brake): Promise<z.infer<typeof brakeView>> => ({
        person: (await names.person(brake.tenant, brake.account)) ?? null,
        deviceId: brake.deviceId,
        device: brake.device,
        reason: brake.reason,
        scope: brake.scope,
        since: new Date(brake.sinceMs).toISOString(),
        until: new Date(brake.untilMs).toISOString(),
        isBraked: brake.untilMs > nowMs,
        times: brake.times,
        refused: brake.refused,
      });
      return { brakes: await Promise.all(all.slice(0, query.limit).map(view)), total: all.length };
    },
  );
};
