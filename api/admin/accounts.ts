import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Account, OfficeLogin } from '../../domain/account/state.ts';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import type { AccountOutcome } from '../services/accounts.ts';
import type { Person } from '../services/directory.ts';
import { actingAdmin } from './acting.ts';
import { accountChange, accountParams, accountView, errorBody, newAccount, plainText } from './schemas.ts';

/** An account as administrators see it: no password, no hash. */
export function viewOf(account: Account): z.infer<typeof accountView> {
  const { id, email, displayName, aliases, timeZone, policy, features, office } = account;
  return {
    id,
    email,
    displayName: displayName ?? null,
    aliases: [...aliases],
    timeZone,
    policy,
    features: [...features],
    conflictPolicy: account.conflictPolicy ?? 'device',
    office: office ? { system: office.system, username: office.username } : null,
  };
}

export const unknownAccount = (reply: FastifyReply, email: string) =>
  fail(reply, 404, 'unknown_account', `There is no account ${email}; create it with POST /admin/accounts.`);

/** The person, or an answer that there is none. */
export async function personOr404(deps: AppDeps, email: string, reply: FastifyReply): Promise<Person | undefined> {
  const person = await deps.accounts.find(email);
  if (!person) unknownAccount(reply, email);
  return person;
}

function refuse(reply: FastifyReply, email: string, outcome: Exclude<AccountOutcome, { kind: 'done' }>): FastifyReply {
  if (outcome.kind === 'unknown') return unknownAccount(reply, email);
  if (outcome.kind === 'exists') {
    return fail(reply, 409, 'account_exists', `There is an account ${email} already; change it with PATCH.`);
  }
  const names = outcome.names.join(', ');
  return fail(reply, 409, 'name_taken', `Another account signs in as ${names}; choose another name.`);
}

const errors = { 400: errorBody, 401: errorBody, 404: errorBody, 409: errorBody };
const tags = ['accounts'];

export const accountRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  const { accounts } = deps;

  /** A sentence when the system is none of ours. */
  const wrongSystem = (office: OfficeLogin | null | undefined): string | undefined => {
    if (!office || deps.officeSystems.includes(office.system)) return undefined;
    return `office.system: must be one of ${deps.officeSystems.join(', ')}.`;
  };

  app.get(
    '/accounts',
    {
      schema: {
        tags,
        summary: 'Accounts in order of their address',
        querystring: z.strictObject({
          limit: z.coerce.number().int().min(1).max(500).default(100),
          after: plainText(254).default('').describe('`next` of the page before'),
        }),
        response: {
          200: z.object({ accounts: z.array(accountView), next: z.string().nullable() }),
          400: errorBody,
          401: errorBody,
        },
      },
    },
    async ({ query }) => {
      const { rows, people } = await accounts.page(query.after, query.limit);
      const next = rows.length === query.limit ? (rows.at(-1)?.email ?? null) : null;
      return { accounts: people.map(({ account }) => viewOf(account)), next };
    },
  );

  app.post(
    '/accounts',
    { schema: { tags, summary: 'Create an account', body: newAccount, response: { ...errors, 201: accountView } } },
    async (request, reply) => {
      const { body } = request;
      const wrong = wrongSystem(body.office);
      if (wrong) return fail(reply, 400, 'invalid_request', wrong);
      const outcome = await accounts.create(body, actingAdmin(request));
      if (outcome.kind !== 'done') return refuse(reply, body.email, outcome);
      return reply.code(201).send(viewOf(outcome.person.account));
    },
  );

  app.get(
    '/accounts/:email',
    { schema: { tags, summary: 'One account', params: accountParams, response: { ...errors, 200: accountView } } },
    async ({ params }, reply) => {
      const person = await personOr404(deps, params.email, reply);
      if (!person) return reply;
      const heldBatches = await deps.support?.heldBatches?.countOpen(person.tenant, person.account.id);
      return { ...viewOf(person.account), ...(heldBatches === undefined ? {} : { heldBatches }) };
    },
  );

  app.patch(
    '/accounts/:email',
    {
      schema: {
        tags,
        summary: 'Change what is named; the rest stays',
        params: accountParams,
        body: accountChange,
        response: { ...errors, 200: accountView },
      },
    },
    async (request, reply) => {
      const { params, body } = request;
      const wrong = wrongSystem(body.office);
      if (wrong) return fail(reply, 400, 'invalid_request', wrong);
      const outcome = await accounts.change(params.email, body, actingAdmin(request));
      return outcome.kind === 'done' ? viewOf(outcome.person.account) : refuse(reply, params.email, outcome);
    },
  );

  app.delete(
    '/accounts/:email',
    {
      schema: {
        tags,
        summary: 'End an account; with erase=true its key is destroyed and nothing of it can be read again',
        params: accountParams,
        querystring: z.strictObject({ erase: z.enum(['true', 'false']).default('false') }),
        response: { ...errors, 204: z.null() },
      },
    },
    async (request, reply) => {
      const { params, query } = request;
      const erasures = query.erase === 'true' ? deps.support?.erasures : undefined;
      if (erasures) {
        const { kind } = await erasures.erase({ person: params.email }, { actor: actingAdmin(request) }, false);
        return kind === 'done' ? reply.code(204).send(null) : unknownAccount(reply, params.email);
      }
      const outcome = await accounts.remove(params.email, { erase: query.erase === 'true' }, actingAdmin(request));
      return outcome === 'done' ? reply.code(204).send(null) : unknownAccount(reply, params.email);
    },
  );
};
