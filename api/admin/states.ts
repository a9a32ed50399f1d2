/** What was at any moment: an item, a folder, what a device held. */
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Folder } from '../../domain/folder/state.ts';
import { titleOf } from '../../domain/item/title.ts';
import type { DeviceKey, ItemId, Position, TimeZoneName } from '../../domain/shared/ids.ts';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import type { Person } from '../services/directory.ts';
import type { Moment, Past } from '../services/past.ts';
import { personOr404 } from './accounts.ts';
import { deviceEverOr404 } from './devices.ts';
import { atOf, atText } from './moments.ts';
import { accountParams, deviceParams, errorBody, itemParams, paging, plainText } from './schemas.ts';
import { sendLines, wantedOf } from './streaming.ts';

const errors = { 400: errorBody, 401: errorBody, 404: errorBody, 501: errorBody };
const tags = ['past'];
const at = atText.optional();
const pages = paging({ limit: 200, most: 1_000 });
const fields = z.record(z.string(), z.unknown()).nullable().describe('Null where it was erased since');
const place = {
  position: z.number().describe('The place in the log that is looked at'),
  recordedAt: z.string().nullable().describe('Of the last event up to there'),
};
const folderName = plainText(256).min(1).describe('Name or id of then');

const itemThen = z.object({
  item: z.string(),
  ...place,
  standing: z.enum(['there', 'removed', 'unknown', 'erased']).describe('unknown: it was not there yet'),
  revision: z.number(),
  kind: z.string().nullable(),
  owner: z.string().nullable(),
  collection: z.string().nullable(),
  title: z.string(),
  fields,
});
const folderItem = z.object({
  item: z.string(),
  kind: z.string(),
  title: z.string(),
  version: z.number(),
  position: z.number(),
  fields,
});
const deviceItem = z.object({
  item: z.string(),
  title: z.string(),
  held: z.object({ version: z.number() }).nullable().describe('Acknowledged: it surely held this'),
  offered: z
    .object({ do: z.string(), version: z.number() })
    .nullable()
    .describe('In the last answer, not yet confirmed'),
  fields,
});
const conversation = {
  collection: z.string(),
  folder: z.string(),
  key: z.string(),
  offeredKey: z.string().nullable(),
  heldCount: z.number(),
  offeredCount: z.number(),
};

export const stateRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  app.get(
    '/items/:id/state',
    {
      schema: {
        tags,
        summary: 'An item as it was at a moment',
        params: itemParams,
        querystring: z.strictObject({ at }),
        response: { ...errors, 200: itemThen },
      },
    },
    async ({ params, query }, reply) => {
      const { past, histories } = deps.support ?? {};
      if (!past || !histories) return notAvailable(reply);
      const located = await histories.locate(params.id as ItemId);
      if (!located) return fail(reply, 404, 'unknown_item', `There is no item ${params.id}, and there was none.`);
      const moment = await past.moment(located.tenant, whenOf(query.at, await past.zoneOf(located)));
      const { state, isErased, revision } = await past.item(located, moment);
      const standing = isErased ? 'erased' : !state ? 'unknown' : state.removed ? 'removed' : 'there';
      return {
        ...({ item: params.id, ...moment, standing, revision } as const),
        kind: state?.kind ?? null,
        owner: state?.owner ?? null,
        collection: state?.collection ?? null,
        title: state ? titleOf(state.fields) : '',
        fields: state ? { ...state.fields } : null,
      };
    },
  );

  app.get(
    '/accounts/:email/folders/:folder/state',
    {
      schema: {
        tags,
        summary: 'What lay in a folder at a moment, in the order of the last changes; a stream with NDJSON',
        params: accountParams.extend({ folder: folderName }),
        querystring: z.strictObject({ at, ...pages }),
        response: {
          ...errors,
          200: z.object({
            ...{ collection: z.string(), folder: z.string(), ...place },
            items: z.array(folderItem),
            next: z.number().nullable(),
          }),
        },
      },
    },
    async (request, reply) => {
      const { params, query } = request;
      const asked = await folderThen(deps, params.email, params.folder, query.at, reply);
      if (!asked) return reply;
      const { past, person, folder, moment } = asked;
      const items = past.folder(person.tenant, folder, moment);
      if (wantedOf(request) !== 'json') return sendLines(reply, items);
      const { taken, next } = await page(items, query);
      return { collection: folder.collection, folder: folder.displayName, ...moment, items: taken.map(opened), next };
    },
  );

  app.get(
    '/accounts/:email/devices/:deviceId/state',
    {
      schema: {
        tags,
        summary: 'What a device held at a moment, folder by folder',
        params: deviceParams,
        querystring: z.strictObject({ at }),
        response: { ...errors, 200: z.object({ ...place, folders: z.array(z.object(conversation)) }) },
      },
    },
    async ({ params, query }, reply) => {
      const asked = await deviceThen(deps, params.email, params.deviceId, query.at, reply);
      if (!asked) return reply;
      const { past, person, device, moment } = asked;
      const folders: z.infer<z.ZodObject<typeof conversation>>[] = [];
      for (const folder of (await past.folders(person.tenant, person.account.id, moment)).values()) {
        const found = await past.device(person.tenant, device, folder, moment);
        if (!found) continue;
        const { items: _, options: __, ...counts } = found;
        folders.push({ ...counts, folder: folder.displayName });
      }
      return { ...moment, folders };
    },
  );

  app.get(
    '/accounts/:email/devices/:deviceId/folders/:folder/state',
    {
      schema: {
        tags,
        summary: 'What a device held of a folder at a moment, and what it was being told; a stream with NDJSON',
        params: deviceParams.extend({ folder: folderName }),
        querystring: z.strictObject({ at, ...pages }),
        response: {
          ...errors,
          200: z.object({
            ...{ ...conversation, ...place },
            options: z.record(z.string(), z.unknown()),
            items: z.array(deviceItem),
            next: z.number().nullable(),
          }),
        },
      },
    },
    async (request, reply) => {
      const { params, query } = request;
      const asked = await deviceThen(deps, params.email, params.deviceId, query.at, reply);
      if (!asked) return reply;
      const { past, person, device, moment } = asked;
      const folder = await past.folderNamed(person.tenant, person.account.id, params.folder, moment);
      if (!folder) return unknownFolder(reply, params.email, params.folder);
      const found = await past.device(person.tenant, device, folder, moment);
      if (!found) {
        return fail(reply, 404, 'not_synced', `${params.deviceId} had not begun to sync ${folder.displayName} then.`);
      }
      const { items, options, ...counts } = found;
      if (wantedOf(request) !== 'json') return sendLines(reply, items);
      const { taken, next } = await page(items, query);
      const head = { ...counts, folder: folder.displayName, ...moment, options: { ...options } };
      return { ...head, items: taken.map(opened), next };
    },
  );
};

const notAvailable = (reply: FastifyReply) => fail(reply, 501, 'not_available', 'This process has no items.');
const unknownFolder = (reply: FastifyReply, email: string, folder: string) =>
  fail(reply, 404, 'unknown_folder', `${email} had no folder ${folder} then.`);

/** The end of the log where no moment is named. */
function whenOf(text: string | undefined, zone: TimeZoneName) {
  return (text === undefined ? undefined : atOf(text, zone)) ?? (Number.MAX_SAFE_INTEGER as Position);
}

function opened<I extends { readonly fields: Readonly<Record<string, unknown>> | null }>(item: I) {
  return { ...item, fields: item.fields && { ...item.fields } };
}

async function page<Item>(items: AsyncIterable<Item>, { after, limit }: { after: number; limit: number }) {
  const taken: Item[] = [];
  let passed = 0;
  for await (const item of items) {
    if (passed++ < after) continue;
    if (taken.length === limit) return { taken, next: after + limit };
    taken.push(item);
  }
  return { taken, next: null };
}

interface Asked {
  readonly past: Past;
  readonly person: Person;
  readonly moment: Moment;
}

/** Undefined when there is no such thing; then the answer says so. */
async function personThen(
  deps: AppDeps,
  email: string,
  text: string | undefined,
  reply: FastifyReply,
): Promise<Asked | undefined> {
  const past = deps.support?.past;
  if (!past) {
    notAvailable(reply);
    return undefined;
  }
  const person = await personOr404(deps, email, reply);
  if (!person) return undefined;
  return { past, person, moment: await past.moment(person.tenant, whenOf(text, person.account.timeZone)) };
}

async function folderThen(
  deps: AppDeps,
  email: string,
  named: string,
  text: string | undefined,
  reply: FastifyReply,
): Promise<(Asked & { readonly folder: Folder }) | undefined> {
  const asked = await personThen(deps, email, text, reply);
  if (!asked) return undefined;
  const { past, person, moment } = asked;
  const folder = await past.folderNamed(person.tenant, person.account.id, named, moment);
  if (!folder) unknownFolder(reply, email, named);
  return folder && { ...asked, folder };
}

async function deviceThen(
  deps: AppDeps,
  email: string,
  deviceId: string,
  text: string | undefined,
  reply: FastifyReply,
): Promise<(Asked & { readonly device: DeviceKey }) | undefined> {
  const asked = await personThen(deps, email, text, reply);
  if (!asked) return undefined;
  const device = await deviceEverOr404(deps, asked.person, deviceId, reply);
  return device && { ...asked, device };
}
