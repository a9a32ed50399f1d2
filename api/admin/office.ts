/** What administrators ask of an account's office. */
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AppDeps, OfficeAdministration } from '../deps.ts';
import { fail } from '../errors.ts';
import type { Person } from '../services/directory.ts';
import { personOr404 } from './accounts.ts';
import { actingAdmin } from './acting.ts';
import { accountParams, errorBody } from './schemas.ts';

const answers = {
  200: z.record(z.string(), z.unknown()),
  400: errorBody,
  401: errorBody,
  404: errorBody,
  409: errorBody,
  501: errorBody,
  503: errorBody,
};

const routes = [
  [
    'GET',
    'office',
    'status',
    'When the account is crawled and how that went; what of it waits to be written or was refused',
  ],
  ['POST', 'poll', 'poll', "Crawl this account's office data now; answers when done, with counts"],
  [
    'POST',
    'writeback',
    'writeback',
    'Wait until the write-back queue of this account is empty; answers with what is left',
  ],
  [
    'POST',
    'office/confirm-shrink',
    'confirmShrink',
    'Say that the records suspended crawls miss are really gone: the next two crawls remove them',
  ],
] as const satisfies readonly (readonly ['GET' | 'POST', string, keyof OfficeAdministration, string])[];

export const officeRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  const connected = async (email: string, reply: FastifyReply): Promise<Person | undefined> => {
    const person = await personOr404(deps, email, reply);
    if (!person || person.account.office) return person;
    fail(reply, 409, 'no_office', `${email} has no office; connect one with PATCH { "office": … }.`);
    return undefined;
  };
  for (const [method, path, name, summary] of routes) {
    app.route({
      method,
      url: `/accounts/:email/${path}`,
      schema: { tags: ['office'], summary, params: accountParams, response: answers },
      handler: async (request, reply) => {
        const person = await connected(request.params.email, reply);
        if (!person) return reply;
        const work = deps.office?.[name];
        if (!work) return fail(reply, 501, 'not_available', 'This process does not speak to an office.');
        return work(person, actingAdmin(request));
      },
    });
  }
};
