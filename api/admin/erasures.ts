/** Erasing a person or an item for good. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ItemId } from '../../domain/shared/ids.ts';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import { actingAdmin } from './acting.ts';
import { email, errorBody, itemId, paging, reason } from './schemas.ts';

const errors = { 400: errorBody, 401: errorBody, 404: errorBody, 409: errorBody, 501: errorBody };
const tags = ['erasures'];

const erasedView = z.record(z.string(), z.unknown());
const wanted = z
  .strictObject({
    person: email.optional(),
    item: itemId.optional(),
    yes: z.boolean().default(false).describe('Without it the answer says how much would go, and nothing does'),
    force: z
      .boolean()
      .default(false)
      .describe('Also while the office has not said that its record of the item is gone'),
    reason: reason.describe('Why, for the history; name nobody in it'),
  })
  .refine(({ person, item }) => (person === undefined) !== (item === undefined), {
    message: 'name a person or an item, one of them',
  });

export const erasureRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  app.get(
    '/erasures',
    {
      schema: {
        tags,
        summary: 'What was erased, by whom and when; the latest first',
        querystring: z.strictObject(paging({ limit: 100, most: 1_000 })),
        response: { ...errors, 200: z.object({ erasures: z.array(erasedView), next: z.number().nullable() }) },
      },
    },
    async ({ query: { limit, after } }, reply) => {
      const erasures = deps.support?.erasures;
      if (!erasures) return fail(reply, 501, 'not_available', 'This process cannot erase.');
      const all = await erasures.list();
      const page = all.slice(after, after + limit).map(({ tenant, erased, meta: { at, actor, cause } }) => {
        return { tenant, at, by: actor, reason: cause?.reason ?? null, ...erased };
      });
      return { erasures: page, next: after + limit < all.length ? after + limit : null };
    },
  );

  app.post(
    '/erasures',
    {
      schema: {
        tags,
        summary: 'Destroy the key of a person or an item: nothing it sealed can be read again, here or in backups',
        body: wanted,
        response: {
          ...errors,
          200: z.object({
            isErased: z.boolean(),
            items: z.number(),
            events: z.number(),
            blobs: z.number(),
            unvacuumed: z.array(z.string()).describe('Tables whose dead rows hold keys until vacuum full'),
          }),
        },
      },
    },
    async (request, reply) => {
      const { person, item, yes, force, reason: why } = request.body;
      const erasures = deps.support?.erasures;
      if (!erasures) return fail(reply, 501, 'not_available', 'This process cannot erase.');
      const target = person === undefined ? { item: item as ItemId } : { person };
      const name = person === undefined ? `item ${item}` : `account of ${person}`;
      const size = await erasures.sizeOf(target);
      if (!yes) {
        if (!size || size.events === 0) return fail(reply, 404, 'nothing_to_erase', `There is no ${name} to erase.`);
        return { isErased: false, ...size, blobs: 0, unvacuumed: [] };
      }
      const outcome = await erasures.erase(
        target,
        { actor: actingAdmin(request), ...(why === undefined ? {} : { reason: why }) },
        force,
      );
      switch (outcome.kind) {
        case 'unknown':
          return fail(reply, 404, 'nothing_to_erase', `There is no ${name} to erase.`);
        case 'already':
          return fail(reply, 409, 'already_erased', `The ${name} is erased already; GET /admin/erasures tells when.`);
        case 'officeNotConfirmed':
          return fail(
            reply,
            409,
            'office_not_confirmed',
            `The ${name} is removed here, but ${outcome.reason}. Try again when the office has it gone, or erase with force: what the office keeps stays there.`,
          );
        case 'done': {
          const { erased, blobs, unvacuumed } = outcome.report;
          const items = erased.subject === 'item' ? 1 : erased.items;
          return { isErased: true, items, events: erased.events, blobs, unvacuumed: [...unvacuumed] };
        }
      }
    },
  );
};
