/** What went wrong of what devices asked, for support. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import { unknownAccount } from './accounts.ts';
import { verdict } from './exchange-schemas.ts';
import { email, errorBody, instant } from './schemas.ts';

const failureView = z.object({
  cause: z.string(),
  verdict: verdict.nullable(),
  meaning: z.string(),
  todo: z.string(),
  times: z.number(),
  devices: z.number().describe('For what the office refused: people'),
  firstAt: z.string(),
  lastAt: z.string(),
  exchange: z.string().nullable().describe('The latest'),
  item: z.string().nullable(),
  reason: z.string().nullable().describe("The office's own word"),
});

const withheldView = z.object({
  tenant: z.string(),
  account: z.string(),
  device: z.string(),
  email: z.string().nullable(),
  deviceId: z.string().nullable(),
  collection: z.string(),
  item: z.string(),
  reason: z.string().nullable().describe('Null where the key of the item is gone'),
  firstAt: z.string(),
  lastAt: z.string(),
  times: z.number(),
  exchange: z.string(),
});

const aDayMs = 86_400_000;

export const failureRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  app.get(
    '/failures',
    {
      schema: {
        tags: ['exchanges'],
        summary: 'What failed, was refused, withheld, slow or looping, by cause, with what it means and what to do',
        querystring: z.strictObject({
          since: instant.optional().describe('A day ago unless told'),
          person: email.optional(),
          withheldMax: z.coerce.number().int().min(0).max(1_000).default(100),
        }),
        response: {
          400: errorBody,
          401: errorBody,
          404: errorBody,
          501: errorBody,
          200: z.object({
            since: z.string(),
            failures: z.array(failureView).readonly(),
            withheld: z.array(withheldView).readonly(),
          }),
        },
      },
    },
    async ({ query }, reply) => {
      const failures = deps.support?.failures;
      if (!failures) return fail(reply, 501, 'not_available', 'This process does not serve ActiveSync.');
      const person = query.person === undefined ? undefined : await deps.accounts.find(query.person);
      if (query.person !== undefined && !person) return unknownAccount(reply, query.person);
      const since = query.since ?? new Date(Date.now() - aDayMs).toISOString();
      return { since, ...(await failures.since(since, person, query.withheldMax)) };
    },
  );
};
