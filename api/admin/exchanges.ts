/** What devices asked and were answered, and what went wrong of it, for support. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { verdicts } from '../../adapters/exchange-record/port.ts';
import { deviceKeyFrom } from '../../adapters/ids.ts';
import type { ExchangeId } from '../../domain/shared/ids.ts';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import { personOr404, unknownAccount } from './accounts.ts';
import { accountParams, deviceParams, email, errorBody, instant, plainText } from './schemas.ts';
import { sendLines, wantedOf } from './streaming.ts';

const counts = z.record(z.string(), z.number());
const verdict = z.enum(verdicts);

const exchangeView = z.object({
  id: z.string().describe('UUID version 7; events of the exchange name it in their cause'),
  tenant: z.string(),
  account: z.string(),
  device: z.string(),
  at: z.string(),
  durationMs: z.number(),
  waitedMs: z.number().describe('Of durationMs, waiting for news'),
  command: z.string(),
  version: z.number().describe('Of the protocol, times ten'),
  httpStatus: z.number(),
  status: z.number().nullable().describe("The command's own; null where each collection has one"),
  requestBytes: z.number(),
  answerBytes: z.number(),
  position: z.number().describe('Where the log stood for the one who answered'),
  collections: z
    .array(
      z.object({
        collection: z.string(),
        kind: z.string().nullable(),
        key: z.string().describe('The key that came, as epoch.counter'),
        recognised: z.string(),
        revision: z.number(),
        commands: counts.describe('What the device asked for'),
        statuses: counts.describe('Responses by status'),
        told: counts.describe('What the device was told'),
        withheld: z.number(),
        status: z.number(),
        issuedKey: z.string(),
        moreAvailable: z.boolean(),
      }),
    )
    .readonly(),
  verdicts: z.array(verdict).readonly(),
  causes: z.array(z.string()).readonly(),
  appVersion: z.string(),
  mappingVersion: z.number(),
  hasBody: z.boolean().describe('The request and the answer were kept'),
});

const wholeExchange = exchangeView.extend({
  email: z.string().nullable(),
  deviceId: z.string().nullable(),
  explained: z.array(z.object({ cause: z.string(), meaning: z.string(), todo: z.string() })).readonly(),
  body: z
    .object({
      query: z.record(z.string(), z.unknown()),
      policyKey: z.string().nullable(),
      userAgent: z.string().nullable(),
      error: z.string().nullable().describe('Name and place of the error that the command ended with'),
      request: z.string().nullable().describe('Readable XML'),
      answer: z.string().nullable().describe('Readable XML'),
    })
    .nullable(),
});

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

const quietHour = z.object({
  device: z.string(),
  command: z.string(),
  firstAt: z.string(),
  lastAt: z.string(),
  times: z.number(),
});

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

  app.get(
    '/failures',
    {
      schema: {
        tags,
        summary: 'What failed, was refused, withheld, slow or looping, by cause, with what it means and what to do',
        querystring: z.strictObject({
          since: instant.optional().describe('A day ago unless told'),
          person: email.optional(),
          withheldMax: z.coerce.number().int().min(0).max(1_000).default(100),
        }),
        response: {
          ...errors,
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
      if (!failures) return fail(reply, 501, 'not_available', notHere);
      const person = query.person === undefined ? undefined : await deps.accounts.find(query.person);
      if (query.person !== undefined && !person) return unknownAccount(reply, query.person);
      const since = query.since ?? new Date(Date.now() - 86_400_000).toISOString();
      return { since, ...(await failures.since(since, person, query.withheldMax)) };
    },
  );
};
