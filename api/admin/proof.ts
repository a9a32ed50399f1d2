/** The proof of the event log, and its anchors. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { AnchorsContradict } from '../../adapters/event-log/anchors/anchors.ts';
import type { TenantId } from '../../domain/shared/ids.ts';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import { errorBody, plainText } from './schemas.ts';
import { sendLines } from './streaming.ts';

const errors = { 400: errorBody, 401: errorBody, 404: errorBody, 409: errorBody, 501: errorBody };
const tags = ['log'];
const tenants = z
  .array(plainText(254).min(1))
  .max(1_000)
  .optional()
  .describe('Domains of the companies; all of them unless told');

export const proofRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  app.post(
    '/verify',
    {
      schema: {
        tags,
        summary:
          'Prove the log by its hash chains and its anchors. Answers in application/x-ndjson as it goes: kind is progress, finding, tenant, and done at the end',
        body: z.strictObject({ tenants }).nullish(),
        response: errors,
      },
    },
    async ({ body }, reply) => {
      const proof = deps.support?.proof;
      if (!proof) return fail(reply, 501, 'not_available', 'This process keeps no log that could be proven.');
      const known = await proof.tenants();
      const stranger = body?.tenants?.find((tenant) => !known.includes(tenant as TenantId));
      if (stranger !== undefined) return fail(reply, 404, 'unknown_tenant', `There are no events of ${stranger}.`);
      if (proof.isRunning)
        return fail(reply, 409, 'busy', 'The log is being proven just now; try again when it is done.');
      return sendLines(reply, proof.verify((body?.tenants as TenantId[] | undefined) ?? known));
    },
  );

  app.post(
    '/anchors',
    {
      schema: {
        tags,
        summary: 'Anchor what is new in the log now; with restored, say that the database was brought back on purpose',
        body: z
          .strictObject({
            tenants,
            restored: z
              .boolean()
              .default(false)
              .describe('What was anchored behind the present end of the log is given up'),
          })
          .nullish(),
        response: {
          ...errors,
          200: z.object({
            anchors: z.array(z.object({ tenant: z.string(), position: z.number(), count: z.number() })),
          }),
        },
      },
    },
    async ({ body }, reply) => {
      const proof = deps.support?.proof;
      if (!proof) return fail(reply, 501, 'not_available', 'This process keeps no log that could be anchored.');
      const known = await proof.tenants();
      const stranger = body?.tenants?.find((tenant) => !known.includes(tenant as TenantId));
      if (stranger !== undefined) return fail(reply, 404, 'unknown_tenant', `There are no events of ${stranger}.`);
      const anchors = [];
      for (const tenant of (body?.tenants as TenantId[] | undefined) ?? known) {
        try {
          if (body?.restored) await proof.restored(tenant);
          const anchor = await proof.anchor(tenant);
          if (anchor) anchors.push({ tenant, position: anchor.position, count: anchor.count });
        } catch (error) {
          if (!(error instanceof AnchorsContradict)) throw error;
          const next = 'Prove it with verify; if the database was restored on purpose, say restored.';
          return fail(reply, 409, 'anchors_contradict', `${tenant}: ${error.message}. ${next}`);
        }
      }
      return { anchors };
    },
  );
};
