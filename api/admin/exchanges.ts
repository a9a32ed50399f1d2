/** What devices asked and were answered, for support. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { deviceKeyFrom } from '../../adapters/ids.ts';
import type { ExchangeId } from '../../domain/shared/ids.ts';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import { personOr404 } from './accounts.ts';
import { exchangeView, quietHour, wholeExchange } from './exchange-schemas.ts';
import { accountParams, deviceParams, errorBody, instant, plainText } from './schemas.ts';
import { sendLines, wantedOf } from './streaming.ts';

const errors = { 400: errorBody, 401: errorBody, 404: errorBody, 501: errorBody };
const tags = ['exchanges'];
const notHere = 'This process does not serve ActiveSync.';

export const exchangeRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  app.get(
    '/accounts/:email/exchanges',
    {
      schema: {
        tags,
        summary: "A person's exchanges, the latest first",
        description:
          'Those that had nothing to say are counted only, see quiet-hours. With Accept application/x-ndjson all of ' +
          'them come as a stream, a line each.',
        params: accountParams,
        querystring: z.strictObject({
          deviceId: plainText(128).min(1).optional(),
          from: instant.optional(),
          to: instant.optional(),
          suspicious: z.stringbool().default(false).describe('Only those with a verdict'),
          limit: z.coerce.number().int().min(1).max(500).default(100),
          after: z.uuid().optional().describe('`next` of the page before'),
        }),
        response: { ...errors, 200: z.object({ exchanges: z.array(exchangeView), next: z.string().nullable() }) },
      },
    },
    async (request, reply) => {
      const { params, query } = request;
      const exchanges = deps.support?.exchanges;
      if (!exchanges) return fail(reply, 501, 'not_available', notHere);
      const person = await personOr404(deps, params.email, reply);
      if (!person) return reply;
      const { deviceId, after, limit, ...asked } = query;
      const { id } = person.account;
      const whose = deviceId === undefined ? {} : { device: deviceKeyFrom(id, deviceId) };
      const wanted = { ...asked, ...whose, tenant: person.tenant, account: id, newestFirst: true };
      const from = after === undefined ? {} : { after: after as ExchangeId };
      if (wantedOf(request) === 'ndjson') return sendLines(reply, exchanges.all({ ...wanted, ...from }));
      return await exchanges.page({ ...wanted, ...from, limit });
    },
  );

  app.get(
    '/accounts/:email/devices/:deviceId/quiet-hours',
    {
      schema: {
        tags,
        summary: 'How often the device had nothing to say and nothing to hear, by command and hour, the latest first',
        params: deviceParams,
        querystring: z.strictObject({ from: instant.optional() }),
        response: { ...errors, 200: z.object({ hours: z.array(quietHour) }) },
      },
    },
    async ({ params, query }, reply) => {
      const exchanges = deps.support?.exchanges;
      if (!exchanges) return fail(reply, 501, 'not_available', notHere);
      const person = await personOr404(deps, params.email, reply);
      if (!person) return reply;
      const device = deviceKeyFrom(person.account.id, params.deviceId);
      return { hours: await exchanges.quiet(person.tenant, device, query.from) };
    },
  );

  app.get(
    '/exchanges/:id',
    {
      schema: {
        tags,
        summary: 'One exchange, with request and answer as XML where they were kept',
        params: z.object({ id: z.uuid() }),
        response: { ...errors, 200: wholeExchange },
      },
    },
    async ({ params }, reply) => {
      const exchanges = deps.support?.exchanges;
      if (!exchanges) return fail(reply, 501, 'not_available', notHere);
      const found = await exchanges.find(params.id as ExchangeId);
      if (!found) {
        return fail(reply, 404, 'unknown_exchange', `There is no exchange ${params.id}, or its time is over.`);
      }
      return { ...found, body: found.body && { ...found.body, query: { ...found.body.query } } };
    },
  );
};
