/** Why an item is, or is not, on a device. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { deviceKeyFrom } from '../../adapters/ids.ts';
import type { ItemId } from '../../domain/shared/ids.ts';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import { personOr404 } from './accounts.ts';
import { deviceParams, errorBody, itemId } from './schemas.ts';

const record = z.record(z.string(), z.unknown());

const whereabouts = z.object({
  cause: z.string().describe('A word for programs'),
  isOnDevice: z.enum(['yes', 'no', 'perhaps']).describe('perhaps: it was told, and has not said that it got it'),
  sentence: z.string(),
  facts: z.object({
    item: record,
    device: record,
    folder: record.nullable().describe('Null where it is not shown to the person'),
    conversation: record.nullable().describe('Null where the device never asked for the folder'),
    withheld: z.string().nullable().describe('Why it cannot be shown to the device'),
    refusal: record.nullable().describe("The last time that the device's own word on it was refused"),
  }),
});

const errors = { 400: errorBody, 401: errorBody, 404: errorBody, 501: errorBody };

export const whereaboutsRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  app.get(
    '/accounts/:email/devices/:deviceId/items/:item/why',
    {
      schema: {
        tags: ['items'],
        summary: 'Why an item is, or is not, on a device: a sentence, and the facts behind it',
        params: deviceParams.extend({ item: itemId }),
        response: { ...errors, 200: whereabouts },
      },
    },
    async ({ params }, reply) => {
      const finder = deps.support?.whereabouts;
      if (!finder) return fail(reply, 501, 'not_available', 'This process has no items.');
      const person = await personOr404(deps, params.email, reply);
      if (!person) return reply;
      const device = deviceKeyFrom(person.account.id, params.deviceId);
      const { cause, isOnDevice, sentence, facts } = await finder.of(
        person,
        device,
        params.deviceId,
        params.item as ItemId,
      );
      const { item, folder, conversation, withheld, refusal } = facts;
      return {
        ...{ cause, isOnDevice, sentence },
        facts: {
          ...{ item: { ...item }, device: { ...facts.device }, withheld },
          folder: folder && { ...folder },
          conversation: conversation && { ...conversation },
          refusal: refusal && { ...refusal },
        },
      };
    },
  );
};
