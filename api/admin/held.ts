/** Deletions that were held back because they were too many at once, and what people decide of them. */
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { HeldBatchTable } from '../../projections/held-batches/table.ts';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import type { BatchDecision, HeldBatches } from '../services/held-batches.ts';
import { personOr404 } from './accounts.ts';
import { actingAdmin } from './acting.ts';
import { email, errorBody } from './schemas.ts';
import { sendLines, wantedOf } from './streaming.ts';

const batchName = z.string().regex(/^[a-z2-7]{12}$/, 'must be a batch like those GET /admin/held lists');

const heldBatch = z.object({
  batch: z.string(),
  person: z.string().nullable().describe('Email address; null for a person who is gone'),
  device: z.object({ key: z.string(), deviceId: z.string().nullable(), deviceType: z.string().nullable() }),
  folder: z.object({ collection: z.string(), name: z.string().nullable() }),
  askedBy: z.string().describe('The command that asked: Sync, FolderDelete or EmptyFolderContents'),
  items: z.number().describe('How many items are held'),
  itemsBefore: z.number().describe('How many items the folder held before'),
  heldAt: z.string().describe('When the first of them was held'),
  lastAt: z.string().describe('When the last of them was held'),
  state: z.enum(['open', 'released', 'discarded']),
  decidedAt: z.string().nullable(),
});

const heldItem = z.object({
  item: z.string(),
  do: z.enum(['delete', 'change']).describe('delete; or change, for one that would be emptied'),
  title: z.string().describe("Its subject or name; '' when it is gone or has none"),
  isThere: z.boolean(),
});

const decision = z.object({
  batch: z.string(),
  items: z.number(),
  staying: z.number().describe('Of them, items that are there all the same'),
  repeated: z.boolean().describe('It was decided so before, and nothing was done now'),
});

const errors = { 400: errorBody, 401: errorBody, 404: errorBody, 409: errorBody, 501: errorBody };
const tags = ['held deletions'];
const notAvailable = 'This process does not serve ActiveSync.';

export const heldRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  const viewOf = async (batches: HeldBatches, row: HeldBatchTable): Promise<z.infer<typeof heldBatch>> => {
    const { person, device, folderName } = await batches.namesOf(row);
    return {
      batch: row.batch,
      person: person ?? null,
      device: { key: row.device, deviceId: device?.deviceId ?? null, deviceType: device?.client.deviceType ?? null },
      folder: { collection: row.collection, name: folderName ?? null },
      askedBy: row.asked_by,
      items: row.items,
      itemsBefore: row.items_before,
      heldAt: row.held_at.toISOString(),
      lastAt: row.last_at.toISOString(),
      state: row.state,
      decidedAt: row.decided_at?.toISOString() ?? null,
    };
  };

  app.get(
    '/held',
    {
      schema: {
        tags,
        summary: 'Batches of deletions that were too many at once, the newest first',
        description:
          'With Accept: application/x-ndjson, all of them as lines. The device was answered as if they were done; everybody else keeps the items.',
        querystring: z.strictObject({
          person: email.optional(),
          state: z.enum(['open', 'all']).default('open'),
          limit: z.coerce.number().int().min(1).max(500).default(100),
          after: batchName.optional().describe('`next` of the page before'),
        }),
        response: { ...errors, 200: z.object({ batches: z.array(heldBatch), next: z.string().nullable() }) },
      },
    },
    async (request, reply) => {
      const { person: address, state, limit, after } = request.query;
      const batches = deps.support?.heldBatches;
      if (!batches) return fail(reply, 501, 'not_available', notAvailable);
      const person = address === undefined ? undefined : await personOr404(deps, address, reply);
      if (address !== undefined && !person) return reply;
      const whose = person ? { person: { tenant: person.tenant, account: person.account.id } } : {};
      const page = async (from: string | undefined) => {
        const rows = await batches.list({
          ...whose,
          isOpenOnly: state === 'open',
          limit,
          ...(from === undefined ? {} : { after: from }),
        });
        const next = rows.length === limit ? (rows.at(-1)?.batch ?? null) : null;
        return { batches: await Promise.all(rows.map((row) => viewOf(batches, row))), next };
      };
      if (wantedOf(request) !== 'ndjson') return await page(after);
      return sendLines(
        reply,
        (async function* () {
          for (let from: string | null | undefined = after; from !== null; ) {
            const { batches: found, next } = await page(from);
            yield* found;
            from = next;
          }
        })(),
      );
    },
  );

  app.get(
    '/held/:batch',
    {
      schema: {
        tags,
        summary: 'One batch with the names of its items',
        params: z.object({ batch: batchName }),
        response: { ...errors, 200: heldBatch.extend({ held: z.array(heldItem) }) },
      },
    },
    async ({ params }, reply) => {
      const batches = deps.support?.heldBatches;
      if (!batches) return fail(reply, 501, 'not_available', notAvailable);
      const found = await batches.show(params.batch);
      if (!found) return unknownBatch(reply, params.batch);
      return { ...(await viewOf(batches, found.row)), held: found.items };
    },
  );

  const actions = [
    ['release', 'Carry the deletions out as the device’s own; what others changed since is decided as a conflict'],
    ['discard', 'Let the items stay, and give them back to the device'],
  ] as const;
  for (const [name, summary] of actions) {
    app.post(
      `/held/:batch/${name}`,
      { schema: { tags, summary, params: z.object({ batch: batchName }), response: { ...errors, 200: decision } } },
      async (request, reply) => {
        const batches = deps.support?.heldBatches;
        if (!batches) return fail(reply, 501, 'not_available', notAvailable);
        const { batch } = request.params;
        const outcome = await batches[name](batch, actingAdmin(request));
        if (outcome.kind !== 'done') return refuse(reply, batch, outcome);
        const { items, staying, repeated } = outcome;
        return { batch, items, staying, repeated };
      },
    );
  }
};

const unknownBatch = (reply: FastifyReply, batch: string) =>
  fail(reply, 404, 'unknown_batch', `There is no batch ${batch}; GET /admin/held lists those there are.`);

function refuse(reply: FastifyReply, batch: string, outcome: Exclude<BatchDecision, { kind: 'done' }>): FastifyReply {
  switch (outcome.kind) {
    case 'unknown':
      return unknownBatch(reply, batch);
    case 'decided':
      return fail(reply, 409, 'decided', `The batch ${batch} was ${outcome.outcome} before, which stays so.`);
    case 'noAccess':
      return fail(reply, 409, 'no_access', 'The folder is not the person’s to change any more; discard the batch.');
    case 'contended':
      return fail(reply, 409, 'contended', 'The device is busy with the folder; try again.');
  }
}
