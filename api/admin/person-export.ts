/** A copy of everything that is known of a person. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import { personOr404 } from './accounts.ts';
import { accountParams, errorBody } from './schemas.ts';
import { sendLines } from './streaming.ts';

export const personExportRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  app.get(
    '/accounts/:email/export',
    {
      schema: {
        tags: ['accounts'],
        summary:
          'Everything known of a person as application/x-ndjson: kind is person, account, folder, device, conversation, item, conflict, exchange, erasure, and done at the end',
        params: accountParams,
        response: { 400: errorBody, 401: errorBody, 404: errorBody, 501: errorBody },
      },
    },
    async ({ params }, reply) => {
      const exported = deps.support?.personExport;
      if (!exported) return fail(reply, 501, 'not_available', 'This process cannot export.');
      const person = await personOr404(deps, params.email, reply);
      if (!person) return reply;
      const { tenant, account } = person;
      return sendLines(reply, exported({ tenant, account: account.id, email: account.email }));
    },
  );
};
