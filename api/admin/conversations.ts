/** The conversations of devices with folders: how each went, and how a device is told everything anew. */
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { deviceKeyFrom } from '../../adapters/ids.ts';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import type { ConversationLife } from '../services/conversations.ts';
import { personOr404 } from './accounts.ts';
import { actingAdmin, causeOf } from './acting.ts';
import { deviceParams, errorBody, paging, plainText, reason } from './schemas.ts';

const cause = z.enum(['syncKeyZero', 'earlierKey', 'resync', 'restored', 'attached']);
const epochView = z.object({
  epoch: z.number(),
  cause: cause.describe('Why it began: the device asked, an earlier key, we asked, a restored log, a changed DeviceId'),
  began: z.string(),
  by: z.record(z.string(), z.unknown()).describe('Who caused it'),
  reason: z.string().nullable(),
  lastAt: z.string().describe('Of the last answer that told something'),
  keys: z.number().describe('How many sync keys were issued in it'),
  lastKey: z.string().describe('The last of them, as on the wire'),
  known: z.number().describe('Items that the device holds by the last key; folders, for the hierarchy'),
});
const outcome = z.enum(['resynced', 'pending', 'neverSynced']);
const resynced = z.object({
  folders: z.array(z.object({ collection: z.string(), folder: z.string().nullable(), outcome })),
  hierarchy: outcome.nullable().describe('Null where one folder was asked for'),
});

type EpochOfLife = ConversationLife['epochs'][number];

function viewOf({ began, ...epoch }: EpochOfLife): z.infer<typeof epochView> {
  return { ...epoch, began: began.at, by: { ...began.actor }, reason: began.cause?.reason ?? null };
}

const errors = { 400: errorBody, 401: errorBody, 404: errorBody, 501: errorBody };
const tags = ['devices'];
const folderName = plainText(128).min(1);

export const conversationRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  const conversations = deps.support?.conversations;
  const unavailable = (reply: FastifyReply) =>
    fail(reply, 501, 'not_available', 'This process does not serve ActiveSync.');

  /** Also a device that was forgotten: its conversations stay readable. */
  const find = async ({ email, deviceId }: z.infer<typeof deviceParams>, reply: FastifyReply) => {
    const person = await personOr404(deps, email, reply);
    return person && { person, device: deviceKeyFrom(person.account.id, deviceId) };
  };

  app.get(
    '/accounts/:email/devices/:deviceId/conversations/:folder',
    {
      schema: {
        tags,
        summary: 'How the conversation of a device with a folder went: each time it began anew, and why',
        params: deviceParams.extend({ folder: folderName.describe('CollectionId, name, or hierarchy') }),
        querystring: z.strictObject(paging({ limit: 100, most: 500 })),
        response: {
          ...errors,
          200: z.object({
            collection: z.string(),
            folder: z.string().nullable(),
            epochs: z.array(epochView),
            next: z.number().nullable(),
          }),
        },
      },
    },
    async ({ params, query }, reply) => {
      if (!conversations) return unavailable(reply);
      const found = await find(params, reply);
      if (!found) return reply;
      const life = await conversations.life(found.person, found.device, params.folder);
      if (!life) {
        const { deviceId, folder } = params;
        const message = `The device ${deviceId} never spoke of a folder ${folder}; GET …/conversations lists those it did.`;
        return fail(reply, 404, 'unknown_conversation', message);
      }
      const rest = life.epochs.filter(({ epoch }) => epoch > query.after);
      const epochs = rest.slice(0, query.limit);
      const next = rest.length > epochs.length ? (epochs.at(-1)?.epoch ?? null) : null;
      return { collection: life.collection, folder: life.folder, epochs: epochs.map(viewOf), next };
    },
  );

  app.post(
    '/accounts/:email/devices/:deviceId/resync',
    {
      schema: {
        tags,
        summary: 'Send the device everything anew with its next exchange; what it has not yet sent is taken in first',
        params: deviceParams,
        body: z
          .strictObject({
            folder: folderName.optional().describe('CollectionId or name; without it all folders and the hierarchy'),
            reason,
          })
          .nullish(),
        response: { ...errors, 200: resynced, 409: errorBody, 503: errorBody },
      },
    },
    async (request, reply) => {
      if (!conversations) return unavailable(reply);
      const { params, body } = request;
      const found = await find(params, reply);
      if (!found) return reply;
      const folder = body?.folder;
      const by = { actor: actingAdmin(request), cause: causeOf('resync', body?.reason) };
      const done = await conversations.resync(found.person, found.device, folder, by);
      if (done === 'unknownFolder') {
        return fail(
          reply,
          404,
          'unknown_folder',
          `The account has no one folder ${folder}; name it by its CollectionId.`,
        );
      }
      if (
        done.folders.every((one) => one.outcome === 'neverSynced') &&
        (done.hierarchy ?? 'neverSynced') === 'neverSynced'
      ) {
        const message = `The device ${params.deviceId} has synced nothing of this yet: its first sync brings everything.`;
        return fail(reply, 409, 'never_synced', message);
      }
      return { folders: [...done.folders], hierarchy: done.hierarchy };
    },
  );
};
