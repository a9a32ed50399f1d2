/** Items that are perhaps the same, made one on request, and two again. */
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { itemKinds } from '../../domain/item/fields.ts';
import { signs } from '../../domain/matching/events.ts';
import { degrees } from '../../domain/matching/judge.ts';
import type { ItemId, Position } from '../../domain/shared/ids.ts';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import type { SuspectedPair } from '../services/duplicates.ts';
import type { MergeRefusal } from '../services/merges.ts';
import { personOr404 } from './accounts.ts';
import { actingAdmin, causeOf } from './acting.ts';
import { accountParams, errorBody, itemId, itemParams, paging, plainText, reason } from './schemas.ts';
import { sendLines, wantedOf } from './streaming.ts';

const kind = z.enum(itemKinds as readonly [string, ...string[]]);
const matchedBy = z.array(z.enum(signs)).describe('The signs by which the two were found to be the same');
const suspected = z.object({
  item: z.string(),
  title: z.string(),
  since: z.string().describe('When it came here'),
  inOffice: z.boolean().describe('The office has a record of it'),
});
const pairView = z.object({
  pair: z.string().describe('<kept>:<other>, as merge takes it'),
  folder: z.string(),
  collection: z.string(),
  kind,
  sure: z
    .enum(degrees)
    .describe(
      'identical; own: a sign that nobody else has; shared: one that others share; spelling: a name spelled otherwise, with a sign of its own; perhaps: for people to judge',
    ),
  matchedBy,
  keep: suspected.describe('The one that stays: known to the office, else the older'),
  other: suspected,
  isUnmerged: z.boolean().describe('They were made one before, and two again'),
});
const mergeView = z.object({
  merge: z.string().describe('<item>:<revision>, as unmerge takes it'),
  item: z.string(),
  revision: z.number(),
  kind,
  at: z.string(),
  device: z.string().nullable().describe('The phone that brought what was here already; null where people merged'),
  title: z.string().nullable().describe('Null where the item was erased'),
  brought: z.string().nullable().describe('What the other version was called'),
  matchedBy,
  filled: z.array(z.string()).describe('Fields that the item took from the other version'),
  other: z.string().nullable().describe('The item that the other version was, or is again'),
  isUndone: z.boolean(),
});

const errors = { 400: errorBody, 401: errorBody, 404: errorBody, 409: errorBody, 501: errorBody, 503: errorBody };
const tags = ['duplicates'];

const viewOf = ({ degree, signs: by, keep, other, ...pair }: SuspectedPair): z.infer<typeof pairView> => ({
  ...pair,
  pair: `${keep.item}:${other.item}`,
  sure: degree,
  matchedBy: [...by],
  keep: suspected.parse(keep),
  other: suspected.parse(other),
});

const refusals: Readonly<Record<MergeRefusal, readonly [404 | 409, string, string]>> = {
  unknown: [404, 'unknown_item', 'The account has no two such items; GET …/duplicates lists pairs.'],
  apart: [409, 'not_alike', 'The two are of different classes or lie in different folders; move one first.'],
  removed: [409, 'removed', 'One of the two is not there any more; restore it first, or ask for the duplicates again.'],
};

export const mergeRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  const { duplicates, merges, names } = deps.support ?? {};
  const notHere = (reply: FastifyReply) => fail(reply, 501, 'not_available', 'This process has no items.');

  app.get(
    '/accounts/:email/duplicates',
    {
      schema: {
        tags,
        summary: 'Pairs of items in one folder that are perhaps the same, and why; nothing is changed',
        description: 'With Accept: application/x-ndjson all of them, a line each.',
        params: accountParams,
        querystring: z.strictObject({
          folder: plainText(128).min(1).optional().describe('CollectionId or name; all folders without it'),
          ...paging({ limit: 100, most: 500 }),
        }),
        response: { ...errors, 200: z.object({ duplicates: z.array(pairView), next: z.number().nullable() }) },
      },
    },
    async (request, reply) => {
      if (!duplicates) return notHere(reply);
      const { params, query } = request;
      const person = await personOr404(deps, params.email, reply);
      if (!person) return reply;
      const pairs = await duplicates.of(person, query.folder);
      if (pairs === 'unknownFolder') {
        return fail(reply, 404, 'unknown_folder', `The account has no folder ${query.folder} of its own.`);
      }
      if (wantedOf(request) === 'ndjson') return sendLines(reply, lines(pairs));
      const page = pairs.slice(query.after, query.after + query.limit);
      const next = query.after + page.length < pairs.length ? query.after + page.length : null;
      return { duplicates: page.map(viewOf), next };
    },
  );

  app.post(
    '/accounts/:email/duplicates/merge',
    {
      schema: {
        tags,
        summary: 'Make one item of two: the other is removed, on every device and in the office',
        description: 'What only the other says is taken over. Taken back by POST /admin/items/:id/unmerge.',
        params: accountParams,
        body: z.strictObject({ keep: itemId, other: itemId, reason }),
        response: {
          ...errors,
          200: z.object({
            merge: z.string().describe('<item>:<revision>, as unmerge takes it'),
            kept: z.string(),
            removed: z.string(),
            filled: z.array(z.string()),
          }),
        },
      },
    },
    async (request, reply) => {
      if (!merges) return notHere(reply);
      const { params, body } = request;
      const person = await personOr404(deps, params.email, reply);
      if (!person) return reply;
      const wish = { actor: actingAdmin(request), cause: causeOf('duplicates', body.reason) };
      const done = await merges.merge(person, body.keep as ItemId, body.other as ItemId, wish);
      if (typeof done === 'string') return fail(reply, ...refusals[done]);
      const { kept, revision, removed, filled } = done;
      return { merge: `${kept}:${revision}`, kept, removed, filled: [...filled] };
    },
  );

  app.get(
    '/accounts/:email/merges',
    {
      schema: {
        tags,
        summary: "The merges of an account's items: what phones brought that was here already, and what people merged",
        params: accountParams,
        querystring: z.strictObject({
          ...paging({ limit: 100, most: 500 }),
        }),
        response: { ...errors, 200: z.object({ merges: z.array(mergeView), next: z.number().nullable() }) },
      },
    },
    async ({ params, query }, reply) => {
      if (!merges) return notHere(reply);
      const person = await personOr404(deps, params.email, reply);
      if (!person) return reply;
      const page = await merges.list(person, { after: query.after as Position, limit: query.limit });
      const views = page.merges.map(async ({ device, matchedBy: by, filled, ...merge }) => ({
        ...merge,
        merge: `${merge.item}:${merge.revision}`,
        matchedBy: [...by],
        filled: [...filled],
        device: device && ((await names?.device(person.tenant, device)) ?? device),
      }));
      return { merges: await Promise.all(views), next: page.next };
    },
  );

  app.post(
    '/items/:id/unmerge',
    {
      schema: {
        tags,
        summary: 'Take a merge back: the other version is an item of its own again',
        description: 'What the item had taken from it is given back, as far as nobody changed it since.',
        params: itemParams,
        body: z.strictObject({
          revision: z
            .number()
            .int()
            .min(0)
            .max(2 ** 31 - 1)
            .describe('Of the merge in the history of the item'),
          reason,
        }),
        response: {
          ...errors,
          200: z.object({ item: z.string(), other: z.string(), cleared: z.array(z.string()) }),
        },
      },
    },
    async (request, reply) => {
      if (!merges) return notHere(reply);
      const { params, body } = request;
      const wish = { actor: actingAdmin(request), cause: causeOf('unmerge', body.reason) };
      const done = await merges.unmerge(params.id as ItemId, body.revision, wish);
      if (!done) {
        const message = `The item ${params.id} has no merge at revision ${body.revision}; GET …/merges lists an account's.`;
        return fail(reply, 404, 'unknown_merge', message);
      }
      return { item: done.item, other: done.other, cleared: [...done.cleared] };
    },
  );
};

async function* lines(pairs: readonly SuspectedPair[]) {
  for (const pair of pairs) yield viewOf(pair);
}
