/** Items brought back to what they were: one, or all that one device did. */
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { deviceKeyFrom } from '../../adapters/ids.ts';
import type { Instant, ItemId, Position } from '../../domain/shared/ids.ts';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import type { Outcome } from '../services/put-right.ts';
import { personOr404 } from './accounts.ts';
import { actingAdmin, causeOf } from './acting.ts';
import { deviceParams, errorBody, instant, itemParams, reason } from './schemas.ts';

export const effects = {
  does: z.array(z.enum(['restore', 'remove', 'move', 'change'])).describe('Empty where the item stays as it is'),
  fields: z.array(z.string()).describe('Fields that become others'),
};
const outcomeBody = z.object({ item: z.string(), revision: z.number(), removed: z.boolean(), ...effects });
const left = z.object({
  what: z.array(z.string()).describe('Fields; `folder` for where the item is, `item` for whether it is there'),
  by: z.record(z.string(), z.unknown()).describe('The last who touched it'),
  revision: z.number(),
});
const step = z.object({
  item: z.string(),
  kind: z.string(),
  title: z.string(),
  ...effects,
  left: z.array(left).describe('What of the device stays, because others had it in hand since'),
  refused: z.string().optional(),
});

const errors = { 400: errorBody, 401: errorBody, 404: errorBody, 409: errorBody, 501: errorBody, 503: errorBody };

/** The effects as an answer, or why there is none. */
export function answerOutcome(reply: FastifyReply, item: string, outcome: Outcome | undefined) {
  if (!outcome || (outcome.kind === 'refused' && outcome.reason === 'unknown')) {
    return fail(reply, 404, 'unknown_item', `There is no item ${item}, or it was erased.`);
  }
  if (outcome.kind === 'rejected') {
    return fail(reply, 409, 'not_stored', `The log does not take it: ${outcome.reason.replace(/\.$/, '')}.`);
  }
  if (outcome.kind === 'refused') {
    if (outcome.reason === 'noRevision') {
      const message = `The item ${item} has no such revision; GET /admin/items/${item}/history lists those it has.`;
      return fail(reply, 404, 'unknown_revision', message);
    }
    const message = 'The conflict was decided otherwise before; revert the item to a revision of its history instead.';
    return fail(reply, 409, 'already_decided', message);
  }
  const { does, fields, revision, removed } = outcome;
  return { item, revision, removed, does: [...does], fields: [...fields] };
}

export const restoringRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  const restoring = deps.support?.restoring;
  const notHere = (reply: FastifyReply) => fail(reply, 501, 'not_available', 'This process has no items.');

  app.post(
    '/items/:id/restore',
    {
      schema: {
        tags: ['items'],
        summary: 'Bring a removed item back as it was, on every device and in the office',
        params: itemParams,
        body: z.strictObject({ reason }).nullish(),
        response: { ...errors, 200: outcomeBody },
      },
    },
    async (request, reply) => {
      if (!restoring) return notHere(reply);
      const { params, body } = request;
      const wish = { actor: actingAdmin(request), cause: causeOf('restore', body?.reason) };
      return answerOutcome(reply, params.id, await restoring.restore(params.id as ItemId, wish));
    },
  );

  app.post(
    '/items/:id/revert',
    {
      schema: {
        tags: ['items'],
        summary: 'Make an item be again what it was after a revision: its fields, its folder, whether it is there',
        params: itemParams,
        body: z.strictObject({
          to: z
            .number()
            .int()
            .min(0)
            .max(2 ** 31 - 1),
          reason,
        }),
        response: { ...errors, 200: outcomeBody },
      },
    },
    async (request, reply) => {
      if (!restoring) return notHere(reply);
      const { params, body } = request;
      const wish = { actor: actingAdmin(request), cause: causeOf('revert', body.reason) };
      return answerOutcome(reply, params.id, await restoring.revert(params.id as ItemId, body.to, wish));
    },
  );

  app.post(
    '/accounts/:email/devices/:deviceId/undo',
    {
      schema: {
        tags: ['devices'],
        summary: 'Take back what a device did in a span of time, item by item; leaves what others did since',
        params: deviceParams,
        body: z.strictObject({
          since: instant.describe('Not before, by the time of recording'),
          until: instant.optional().describe('Before; now unless told'),
          apply: z.boolean().default(false).describe('Without it nothing is done and the answer says what would be'),
          after: z.number().int().min(0).default(0).describe('`next` of the page before'),
          limit: z.number().int().min(1).max(500).default(100).describe("Of the device's changes, for one page"),
          reason,
        }),
        response: {
          ...errors,
          200: z.object({
            steps: z.array(step),
            applied: z.boolean(),
            until: z.string().describe('To be sent with the pages that follow'),
            next: z.number().nullable(),
          }),
        },
      },
    },
    async (request, reply) => {
      if (!restoring) return notHere(reply);
      const { params, body } = request;
      const person = await personOr404(deps, params.email, reply);
      if (!person) return reply;
      const device = deviceKeyFrom(person.account.id, params.deviceId);
      if (!(await restoring.isKnown(person.tenant, device))) {
        const message = `No device ${params.deviceId} of this account ever changed an item; GET …/devices lists those it has.`;
        return fail(reply, 404, 'unknown_device', message);
      }
      const { apply, limit } = body;
      const [since, until] = [body.since as Instant, body.until as Instant | undefined];
      if (until && until <= since) return fail(reply, 400, 'invalid_request', 'until: must be later than since.');
      const wish = { actor: actingAdmin(request), cause: causeOf('undo', body.reason) };
      const span = { since, ...(until ? { until } : {}), apply, after: body.after as Position, limit };
      const done = await restoring.undo({ tenant: person.tenant, device, ...span }, wish);
      return {
        steps: done.steps.map(({ left, ...one }) => ({
          ...{ ...one, does: [...one.does], fields: [...one.fields] },
          left: left.map(({ what, by, revision }) => ({ what: [...what], by: { ...by }, revision })),
        })),
        ...{ applied: apply, until: done.until, next: done.next },
      };
    },
  );
};
