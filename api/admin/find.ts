/** Items found by what happened to them, by whom, and by their words. */
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { itemKinds } from '../../domain/item/fields.ts';
import type { CollectionId, DeviceKey, Position, TenantId, TimeZoneName } from '../../domain/shared/ids.ts';
import type { ItemEventFilter } from '../../projections/item-log/read.ts';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import type { Person } from '../services/directory.ts';
import type { FoundRow, SearchStep } from '../services/searches.ts';
import { personOr404 } from './accounts.ts';
import { deviceEverOr404 } from './devices.ts';
import { instantOf, momentText } from './moments.ts';
import { email, errorBody, plainText, positionText } from './schemas.ts';
import { sendCsv, sendLines, wantedOf } from './streaming.ts';

/** What can have happened, in the words of those who ask. */
const doings = {
  added: { verbs: ['Added'] },
  changed: { verbs: ['Changed'] },
  moved: { verbs: ['Moved'] },
  deleted: { verbs: ['Removed'] },
  conflict: { verbs: ['ConflictKept'] },
  decided: { types: ['ConflictDecided'] },
  merged: { types: ['ItemsMerged', 'ItemsUnmerged', 'ItemForwarded'] },
  sent: { types: ['WriteBackAttempted'] },
  confirmed: { types: ['WriteBackConfirmed'] },
  refused: { types: ['WriteBackRefused'] },
  erased: { types: ['Forgotten'] },
} as const satisfies Readonly<Record<string, Pick<ItemEventFilter, 'types' | 'verbs'>>>;
type Doing = keyof typeof doings;

const ofTheOffice: readonly Doing[] = ['sent', 'confirmed', 'refused'];

const question = z.strictObject({
  text: plainText(200).min(1).optional().describe('Words that the item holds or held; case and accents do not matter'),
  person: email.optional().describe('Whose items; with device, whose device'),
  by: email.optional().describe('Who did it'),
  device: plainText(128).min(1).optional().describe('DeviceId of the device that did it; needs person'),
  tenant: plainText(254).optional().describe('Where no person is named and there are several tenants'),
  do: z
    .enum(Object.keys(doings) as [Doing, ...Doing[]])
    .optional()
    .describe('What happened'),
  actor: z.enum(['device', 'office', 'admin', 'system']).optional().describe('What kind of actor did it'),
  every: z.enum(['true', 'false']).default('false').describe('Every event that fits, not only the last of each item'),
  kind: z.enum(itemKinds as [(typeof itemKinds)[number], ...(typeof itemKinds)[number][]]).optional(),
  field: plainText(200).min(1).optional().describe('A field that was touched'),
  folder: plainText(256).min(1).optional().describe('Name or id of a folder of the person'),
  command: plainText(100).min(1).optional().describe('By which way: Sync Delete, crawl, restore …'),
  from: momentText.optional().describe("Not before; a day is one in the person's time zone, else UTC"),
  to: momentText.optional().describe('Before'),
  limit: z.coerce.number().int().min(1).max(500).default(100),
  after: positionText.optional().describe('`next` of the page before'),
});
type Question = z.infer<typeof question>;

const record = z.record(z.string(), z.unknown());
const foundItem = z.object({
  item: z.string(),
  kind: z.string().nullable(),
  title: z.string(),
  owner: z.string().nullable(),
  folder: z.string().nullable(),
  collection: z.string().nullable(),
  isRemoved: z.boolean(),
  isErased: z.boolean(),
  who: record.describe('Who did what was asked for, as they were then'),
  event: record.describe('The last event of the item that fits'),
  text: record.nullable().describe('Where the words are, and from when to when they were there'),
});

function viewOf(row: FoundRow): z.infer<typeof foundItem> {
  const { item, kind, title, ownerEmail, owner, folder, collection, isRemoved, isErased, who, event, text } = row;
  return {
    ...{ item, kind, title, folder, collection, isRemoved, isErased },
    owner: ownerEmail ?? owner,
    who: { ...who },
    event: { ...event },
    text: text && { ...text },
  };
}

export const findRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  app.get(
    '/items',
    {
      schema: {
        tags: ['items'],
        summary: 'Items by text, person, device, field, folder, time and kind of event, the last changed first',
        description:
          'Each item once, with the last of its events that fits, or every event. `looked` says how many items were opened. With ' +
          'Accept application/x-ndjson the whole answer comes as a stream: lines { "found" } and, as it goes on, ' +
          '{ "looked", "matched" }; with text/csv the found ones alone.',
        querystring: question,
        response: {
          200: z.object({ items: z.array(foundItem), looked: z.number(), next: z.number().nullable() }),
          400: errorBody,
          401: errorBody,
          404: errorBody,
          501: errorBody,
        },
      },
    },
    async (request, reply) => {
      const { query } = request;
      const searches = deps.support?.searches;
      if (!searches) return fail(reply, 501, 'not_available', 'This process has no items.');
      const asked = await understand(deps, query, reply);
      if (!asked) return reply;
      const { tenant, filter } = asked;
      const { text, limit } = query;
      const options = {
        ...(text ? { text } : {}),
        ...(query.after ? { after: query.after as Position } : {}),
        isEvery: query.every === 'true',
      };
      const wanted = wantedOf(request);
      if (wanted === 'json') {
        const { rows, looked, next } = await searches.page(tenant, filter, { limit, ...options });
        return { items: rows.map(viewOf), looked, next };
      }
      const steps = searches.find(tenant, filter, options);
      return wanted === 'csv' ? sendCsv(reply, foundIn(steps), columns) : sendLines(reply, linesOf(steps));
    },
  );
};

async function* foundIn(steps: AsyncIterable<SearchStep>) {
  for await (const step of steps) if (step.kind === 'found') yield viewOf(step.row);
}

async function* linesOf(steps: AsyncIterable<SearchStep>) {
  for await (const step of steps) {
    yield step.kind === 'found' ? { found: viewOf(step.row) } : { looked: step.looked, matched: step.found };
  }
}

const columns: readonly { name: string; value(row: z.infer<typeof foundItem>): string }[] = [
  { name: 'recordedAt', value: ({ event }) => String(event.recordedAt) },
  { name: 'event', value: ({ event }) => String(event.type) },
  { name: 'who', value: ({ who }) => String(who.text) },
  { name: 'item', value: ({ item }) => item },
  { name: 'kind', value: ({ kind }) => kind ?? '' },
  { name: 'title', value: ({ title }) => title },
  { name: 'owner', value: ({ owner }) => owner ?? '' },
  { name: 'folder', value: ({ folder, collection }) => folder ?? collection ?? '' },
  { name: 'isRemoved', value: ({ isRemoved }) => String(isRemoved) },
  { name: 'fields', value: ({ event }) => (event.fields as string[]).join(' ') },
  { name: 'text', value: ({ text }) => (text ? `${text.path}: ${text.excerpt}` : '') },
];

/** The question in ids. Undefined when it could not be understood; then the answer says why. */
async function understand(
  deps: AppDeps,
  query: Question,
  reply: FastifyReply,
): Promise<{ tenant: TenantId; filter: ItemEventFilter } | undefined> {
  const person = query.person === undefined ? undefined : await personOr404(deps, query.person, reply);
  if (query.person !== undefined && !person) return undefined;
  const by = query.by === undefined ? undefined : await personOr404(deps, query.by, reply);
  if (query.by !== undefined && !by) return undefined;
  if (person && by && person.tenant !== by.tenant) {
    fail(reply, 400, 'invalid_request', 'person and by are of two companies, which share no items.');
    return undefined;
  }
  const tenant = person?.tenant ?? by?.tenant ?? (await tenantOf(deps, query.tenant, reply));
  if (!tenant) return undefined;
  const device = await deviceOf(deps, query.device, person, reply);
  if (query.device !== undefined && !device) return undefined;
  const collection = await folderOf(deps, query.folder, person, reply);
  if (query.folder !== undefined && !collection) return undefined;
  const zone = (person ?? by)?.account.timeZone ?? ('UTC' as TimeZoneName);
  const { do: doing, actor, kind, field, command, from, to } = query;
  return {
    tenant,
    filter: {
      // Who asks what a person's device did wants it all, also in folders that others share with them.
      ...(device ? { device } : person ? { owner: person.account.id } : {}),
      ...(by ? { account: by.account.id } : {}),
      ...(collection ? { collection } : {}),
      ...(actor ? { actor } : {}),
      ...(kind ? { kind } : {}),
      ...(field ? { field } : {}),
      ...(command ? { command } : {}),
      ...(doing ? doings[doing] : {}),
      ...(doing === 'erased' ? {} : { isLink: doing !== undefined && ofTheOffice.includes(doing) }),
      ...(from ? { from: instantOf(from, zone) } : {}),
      ...(to ? { to: instantOf(to, zone) } : {}),
    },
  };
}

async function tenantOf(deps: AppDeps, named: string | undefined, reply: FastifyReply): Promise<TenantId | undefined> {
  const tenants = (await deps.store.tenants()).map(({ tenant }) => tenant);
  if (named === undefined) {
    if (tenants.length === 1) return tenants[0];
    fail(reply, 400, 'invalid_request', 'Name a person, or a tenant: there are several.');
    return undefined;
  }
  const found = tenants.find((tenant) => tenant === named.toLowerCase());
  if (!found) fail(reply, 404, 'unknown_tenant', `There is no tenant ${named}.`);
  return found;
}

async function deviceOf(
  deps: AppDeps,
  deviceId: string | undefined,
  person: Person | undefined,
  reply: FastifyReply,
): Promise<DeviceKey | undefined> {
  if (deviceId === undefined) return undefined;
  if (!person) {
    fail(reply, 400, 'invalid_request', 'Name the person whose device it is.');
    return undefined;
  }
  return await deviceEverOr404(deps, person, deviceId, reply);
}

async function folderOf(
  deps: AppDeps,
  named: string | undefined,
  person: Person | undefined,
  reply: FastifyReply,
): Promise<CollectionId | undefined> {
  if (named === undefined) return undefined;
  const folder = person && (await deps.support?.searches?.folder(person, named));
  if (!folder) fail(reply, 404, 'unknown_folder', `There is no folder ${named}; name the person whose folder it is.`);
  return folder?.source ?? folder?.collection;
}
