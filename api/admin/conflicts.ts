/** The conflicts that were kept, and what people or a policy decide of them. */
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { deviceKeyFrom } from '../../adapters/ids.ts';
import { conflictChoice } from '../../domain/conflict/events.ts';
import type { Instant, ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import type { ConflictFilter, ConflictPlace, ConflictRow } from '../../projections/conflicts/read.ts';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import type { ConflictDetails } from '../services/conflicts.ts';
import { personOr404 } from './accounts.ts';
import { actingAdmin, causeOf } from './acting.ts';
import { answerOutcome, effects } from './restoring.ts';
import { email, errorBody, instant, plainText, reason } from './schemas.ts';
import { sendLines, wantedOf } from './streaming.ts';

const conflictId = z
  .string()
  .regex(/^[a-z0-9]{1,64}:\d{1,9}$/, 'must be a conflict as GET /admin/conflicts names it: <item>:<revision>');
const rule = z.enum(['clientWins', 'serverWins']);
const version = z.object({
  removed: z.boolean(),
  values: z.record(z.string(), z.unknown()).describe('By field; null is not set'),
});
const named = {
  conflict: z.string(),
  item: z.string(),
  kind: z.string(),
  person: z.string().nullable().describe('Whose item it is'),
  at: z.string(),
  by: z
    .object({ kind: z.string(), person: z.string().nullable(), device: z.string().nullable() })
    .describe('Who came with a change where others had been before'),
  rule: rule.describe('Under which it was decided then; the client is who came'),
  loser: z.enum(['client', 'server']),
  lostRemoval: z.boolean().describe('The loser wanted the item gone'),
  contested: z.array(z.string()),
  decidedFor: conflictChoice.nullable().describe('Null while it is open'),
};
const conflictView = z.object({
  ...named,
  title: z.string().nullable(),
  mine: version.nullable().describe('The version that lost; null where the item was erased'),
  theirs: version.nullable().describe('The version that won'),
});
const replayStep = z.object({
  ...named,
  title: z.string(),
  for: conflictChoice.describe('mine: the other version wins now; theirs: what won stays'),
  ...effects,
  refused: z.string().optional(),
});

const errors = { 400: errorBody, 401: errorBody, 404: errorBody, 409: errorBody, 501: errorBody, 503: errorBody };
const tags = ['conflicts'];

const narrowing = {
  person: email.optional().describe('Whose items'),
  device: plainText(128).min(1).optional().describe('DeviceId of the phone that came; needs person'),
};
const place = z
  .string()
  .regex(/^[^:]{1,253}:\d{1,16}$/, 'must be `next` of the page before')
  .describe('`next` of the page before');
const limit = z.coerce.number().int().min(1).max(200).default(50);

const placeOf = (text: string | undefined): ConflictPlace | null => {
  if (text === undefined) return null;
  const [tenant, position] = text.split(':') as [string, string];
  return { tenant: tenant as TenantId, position: Number(position) as Position };
};
const textOf = (at: ConflictPlace | null): string | null => at && `${at.tenant}:${at.position}`;

export const conflictRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  const conflicts = deps.support?.conflicts;
  const names = deps.support?.names;
  const notHere = (reply: FastifyReply) => fail(reply, 501, 'not_available', 'This process has no items.');

  const filterOf = async (
    asked: { readonly person?: string | undefined; readonly device?: string | undefined },
    reply: FastifyReply,
  ): Promise<ConflictFilter | undefined> => {
    if (asked.person === undefined) {
      if (asked.device === undefined) return {};
      fail(reply, 400, 'invalid_request', 'device: say also whose it is, with person.');
      return undefined;
    }
    const person = await personOr404(deps, asked.person, reply);
    if (!person) return undefined;
    const { tenant, account } = person;
    // A device may come with changes of items that another person shares.
    if (asked.device !== undefined) return { tenant, device: deviceKeyFrom(account.id, asked.device) };
    return { tenant, owner: account.id };
  };
  const view = async (row: ConflictRow): Promise<z.infer<z.ZodObject<typeof named>>> => {
    const { tenant, item, kind, revision, recordedAt, rule, loser, lostRemoval, contested, decidedFor } = row;
    const person = (await names?.person(tenant, row.owner)) ?? null;
    const by = {
      kind: row.actor,
      person: (row.account && (await names?.person(tenant, row.account))) ?? null,
      device: (row.device && (await names?.device(tenant, row.device))) ?? null,
    };
    return {
      ...{ conflict: `${item}:${revision}`, item, kind, person, at: recordedAt, by },
      ...{ rule, loser, lostRemoval, contested: [...contested], decidedFor },
    };
  };
  const fullView = async ({ row, versions }: ConflictDetails): Promise<z.infer<typeof conflictView>> => ({
    ...(await view(row)),
    title: versions?.title ?? null,
    mine: versions ? { ...versions.lost, values: { ...versions.lost.values } } : null,
    theirs: versions ? { ...versions.won, values: { ...versions.won.values } } : null,
  });

  app.get(
    '/conflicts',
    {
      schema: {
        tags,
        summary: 'The conflicts that were kept, each with both versions; as application/x-ndjson all of them',
        querystring: z.strictObject({
          ...narrowing,
          open: z.enum(['true', 'false']).optional().describe('true: nobody decided it; false: it was decided'),
          since: instant.optional(),
          limit,
          after: place.optional(),
        }),
        response: { ...errors, 200: z.object({ conflicts: z.array(conflictView), next: z.string().nullable() }) },
      },
    },
    async (request, reply) => {
      if (!conflicts) return notHere(reply);
      const { query } = request;
      const narrowed = await filterOf(query, reply);
      if (!narrowed) return reply;
      const { open, since } = query;
      const filter: ConflictFilter = {
        ...narrowed,
        ...(open ? { isOpen: open === 'true' } : {}),
        ...(since ? { since: since as Instant } : {}),
      };
      const after = placeOf(query.after);
      if (wantedOf(request) === 'ndjson') {
        const lines = async function* () {
          for (let at: ConflictPlace | null | undefined = after; at !== undefined; ) {
            const page = await conflicts.page(filter, at, query.limit);
            for (const one of page.conflicts) yield await fullView(one);
            at = page.next ?? undefined;
          }
        };
        return sendLines(reply, lines());
      }
      const page = await conflicts.page(filter, after, query.limit);
      return { conflicts: await Promise.all(page.conflicts.map(fullView)), next: textOf(page.next) };
    },
  );

  app.post(
    '/conflicts/:conflict/decide',
    {
      schema: {
        tags,
        summary: 'Decide a conflict: for the version that lost, for the one that won, or for both as far as they go',
        params: z.object({ conflict: conflictId }),
        body: z.strictObject({ for: conflictChoice, reason }),
        response: {
          ...errors,
          200: z.object({
            conflict: z.string(),
            item: z.string(),
            revision: z.number(),
            removed: z.boolean(),
            ...effects,
          }),
        },
      },
    },
    async (request, reply) => {
      if (!conflicts) return notHere(reply);
      const { params, body } = request;
      const [item, revision] = params.conflict.split(':') as [ItemId, string];
      const wish = { actor: actingAdmin(request), cause: causeOf('decide', body.reason) };
      const outcome = await conflicts.decide(item, Number(revision), body.for, wish);
      if (!outcome) {
        const message = `There is no conflict ${params.conflict}; GET /admin/conflicts lists those there are.`;
        return fail(reply, 404, 'unknown_conflict', message);
      }
      const answer = answerOutcome(reply, item, outcome);
      return 'item' in answer ? { conflict: params.conflict, ...answer } : answer;
    },
  );

  app.post(
    '/conflicts/replay',
    {
      schema: {
        tags,
        summary: 'Decide conflicts of phones that nobody decided as another policy would have',
        body: z.strictObject({
          policy: rule,
          ...narrowing,
          since: instant.optional(),
          apply: z.boolean().default(false).describe('Without it nothing is done and the answer says what would be'),
          limit,
          after: place.optional(),
          reason,
        }),
        response: {
          ...errors,
          200: z.object({ steps: z.array(replayStep), applied: z.boolean(), next: z.string().nullable() }),
        },
      },
    },
    async (request, reply) => {
      if (!conflicts) return notHere(reply);
      const { body } = request;
      const narrowed = await filterOf(body, reply);
      if (!narrowed) return reply;
      const { policy, since, apply } = body;
      const wish = { actor: actingAdmin(request), cause: causeOf('conflicts replay', body.reason) };
      const filter = { ...narrowed, ...(since ? { since: since as Instant } : {}) };
      const options = { apply, after: placeOf(body.after), limit: body.limit };
      const { steps, next } = await conflicts.replay(policy, filter, options, wish);
      return {
        steps: await Promise.all(
          steps.map(async ({ row, does, fields, ...step }) => ({
            ...{ ...(await view(row)), ...step, does: [...does], fields: [...fields] },
          })),
        ),
        ...{ applied: apply, next: textOf(next) },
      };
    },
  );
};
