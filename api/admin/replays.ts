/** Recorded exchanges run again with this program, where nothing can happen; for support. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { deviceKeyFrom } from '../../adapters/ids.ts';
import type { Committer } from '../../adapters/replay/commit.ts';
import type { ExchangeId } from '../../domain/shared/ids.ts';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import type { ReplayLine, ReplayView, SummaryView } from '../services/replays.ts';
import { personOr404 } from './accounts.ts';
import { actingAdmin } from './acting.ts';
import { deviceParams, email, errorBody, instant, reason } from './schemas.ts';
import { sendLines, wantedOf } from './streaming.ts';

const outcome = z
  .enum(['same', 'fine', 'failing', 'different', 'broken', 'skipped'])
  .describe('fine: had failed and does no more; broken: was good and fails now');

const commandView = z.object({
  item: z.string(),
  kind: z.string(),
  command: z.string(),
  outcome: z.enum(['applied', 'doneBefore', 'thereAlready', 'nothingToDo', 'keptAsLoser', 'refused']),
  detail: z.string().nullable(),
});

const replayView = z.object({
  exchange: z.string(),
  at: z.string(),
  command: z.string(),
  email: z.string().nullable(),
  deviceId: z.string().nullable(),
  outcome,
  skipped: z.string().nullable().describe('Why it could not be run'),
  how: z.string().describe('What differs, in one line'),
  recordedCauses: z.array(z.string()).readonly().describe('What was wrong with it then'),
  causes: z.array(z.string()).readonly().describe('What is wrong with it now'),
  decisions: z.array(z.object({ what: z.string(), recorded: z.string(), now: z.string() })).readonly(),
  events: z
    .array(
      z.object({
        stream: z.string(),
        item: z.string().nullable(),
        type: z.string(),
        difference: z.enum(['onlyRecorded', 'onlyNow', 'changed']),
        fields: z.array(z.string()).readonly(),
      }),
    )
    .readonly(),
  answer: z
    .array(z.object({ of: z.enum(['both', 'recorded', 'now']), text: z.string() }))
    .readonly()
    .describe('Lines of XML around what differs'),
  commands: z.array(commandView).readonly().describe('What was missed, and what becomes, or would become, of it'),
});

const summaryView = z.object({
  run: z.number(),
  outcomes: z.record(outcome, z.number()),
  causes: z
    .array(z.object({ cause: z.string(), recorded: z.number(), fine: z.number(), failing: z.number() }))
    .readonly(),
  devices: z
    .array(
      z.object({
        device: z.string(),
        email: z.string().nullable(),
        deviceId: z.string().nullable(),
        run: z.number(),
        different: z.number(),
        broken: z.number(),
        fine: z.number(),
        example: z.string(),
        how: z.string(),
      }),
    )
    .readonly()
    .describe('Those whose answers would be others'),
});

const many = z.object({
  summary: summaryView,
  replays: z.array(replayView).describe('The first that are not the same, at most 200'),
});

const commitBody = z.strictObject({
  commit: z.boolean().default(false).describe('Apply what was missed; without it nothing is stored'),
  reason,
});

const errors = { 400: errorBody, 401: errorBody, 404: errorBody, 409: errorBody, 501: errorBody };
const tags = ['replay'];
const notHere = 'This process keeps no record of exchanges.';
const streaming = 'With Accept application/x-ndjson each replay comes as a line when it is done, the summary last.';
const listedMax = 200;

export const replayRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  app.post(
    '/exchanges/:id/replay',
    {
      schema: {
        tags,
        summary: 'Run an exchange again on the log as it stood, and compare; on request apply what it missed',
        params: z.object({ id: z.uuid() }),
        body: commitBody.nullish(),
        response: { ...errors, 200: replayView },
      },
    },
    async (request, reply) => {
      const replays = deps.support?.replays;
      if (!replays) return fail(reply, 501, 'not_available', notHere);
      const { id } = request.params;
      const found = await replays.one(id as ExchangeId, committer(request, request.body));
      if (!found) return fail(reply, 404, 'unknown_exchange', `There is no exchange ${id}, or its time is over.`);
      if (found.skipped !== null && request.body?.commit) return fail(reply, 409, 'not_replayable', found.skipped);
      return found;
    },
  );

  app.get(
    '/accounts/:email/devices/:deviceId/replay',
    {
      schema: {
        tags,
        summary: "Run a device's exchanges of a span of time again, each on what those before it came to",
        description: streaming,
        params: deviceParams,
        querystring: z.strictObject({ from: instant, to: instant.optional().describe('Now unless told') }),
        response: { ...errors, 200: many },
      },
    },
    async (request, reply) => {
      const replays = deps.support?.replays;
      if (!replays) return fail(reply, 501, 'not_available', notHere);
      const person = await personOr404(deps, request.params.email, reply);
      if (!person) return reply;
      const { from, to = now() } = request.query;
      const device = deviceKeyFrom(person.account.id, request.params.deviceId);
      const { tenant, account } = person;
      return await answer(request, reply, replays.span({ tenant, account: account.id, device, from, to }));
    },
  );

  app.post(
    '/replays/failures',
    {
      schema: {
        tags,
        summary: 'Run everything again that failed since; on request apply what was missed',
        description: streaming,
        body: commitBody.extend({ since: instant, to: instant.optional(), email: email.optional() }),
        response: { ...errors, 200: many },
      },
    },
    async (request, reply) => {
      const replays = deps.support?.replays;
      if (!replays) return fail(reply, 501, 'not_available', notHere);
      const { since, to = now(), email: whose } = request.body;
      const of = await personOf(deps, whose, reply);
      if (!of) return reply;
      return await answer(
        request,
        reply,
        replays.failures({ ...of, from: since, to }, committer(request, request.body)),
      );
    },
  );

  app.get(
    '/replays/shadow',
    {
      schema: {
        tags,
        summary: 'Run everything again that was recorded in full since: which devices would be answered otherwise',
        description: streaming,
        querystring: z.strictObject({ since: instant, to: instant.optional(), email: email.optional() }),
        response: { ...errors, 200: many },
      },
    },
    async (request, reply) => {
      const replays = deps.support?.replays;
      if (!replays) return fail(reply, 501, 'not_available', notHere);
      const { since, to = now(), email: whose } = request.query;
      const of = await personOf(deps, whose, reply);
      if (!of) return reply;
      return await answer(request, reply, replays.everything({ ...of, from: since, to }));
    },
  );
};

const now = () => new Date().toISOString();

function committer(request: FastifyRequest, body: { commit: boolean; reason?: string } | null | undefined): Committer {
  const { commit = false, reason: why } = body ?? {};
  return { actor: actingAdmin(request), isDry: !commit, ...(why ? { reason: why } : {}) };
}

/** Everyone when nobody is named; undefined when the answer was given already. */
async function personOf(deps: AppDeps, whose: string | undefined, reply: FastifyReply) {
  if (whose === undefined) return {};
  const person = await personOr404(deps, whose, reply);
  return person && { tenant: person.tenant, account: person.account.id };
}

async function answer(request: FastifyRequest, reply: FastifyReply, lines: AsyncIterable<ReplayLine>) {
  if (wantedOf(request) === 'ndjson') return sendLines(reply, lines);
  const replays: ReplayView[] = [];
  let summary: SummaryView | undefined;
  for await (const line of lines) {
    if ('summary' in line) summary = line.summary;
    else if (line.replay.outcome !== 'same' && replays.length < listedMax) replays.push(line.replay);
  }
  return { summary: summary as SummaryView, replays };
}
