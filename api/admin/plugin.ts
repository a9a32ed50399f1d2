/** `/admin`: JSON for administrators, auditors and support, behind the bearer token. */
import swagger from '@fastify/swagger';
import type { FastifyPluginAsync } from 'fastify';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import { equalSecrets } from '../../adapters/secrets/equal.ts';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import { requestDurations } from '../metrics.ts';
import { accountRoutes } from './accounts.ts';
import { bearerOf } from './bearer.ts';
import { brakeRoutes } from './brakes.ts';
import { conflictRoutes } from './conflicts.ts';
import { conversationRoutes } from './conversations.ts';
import { deviceRoutes } from './devices.ts';
import { erasureRoutes } from './erasures.ts';
import { exchangeRoutes } from './exchanges.ts';
import { failureRoutes } from './failures.ts';
import { findRoutes } from './find.ts';
import { heldRoutes } from './held.ts';
import { itemRoutes } from './items.ts';
import { mergeRoutes } from './merges.ts';
import { nodeRoutes } from './nodes.ts';
import { officeRoutes } from './office.ts';
import { personExportRoutes } from './person-export.ts';
import { proofRoutes } from './proof.ts';
import { readModelRoutes } from './read-models.ts';
import { replayRoutes } from './replays.ts';
import { restoringRoutes } from './restoring.ts';
import { stateRoutes } from './states.ts';
import { watchRoutes } from './watches.ts';
import { whereaboutsRoutes } from './whereabouts.ts';

export const adminPlugin: FastifyPluginAsync<{ deps: AppDeps }> = async (app, { deps }) => {
  const durations = requestDurations(deps.metrics);

  app.addHook('onRequest', async (request, reply) => {
    const token = bearerOf(request.headers.authorization);
    if (token !== undefined && equalSecrets(token, deps.adminToken)) return;
    reply.header('www-authenticate', 'Bearer');
    return fail(reply, 401, 'unauthorized', 'Send the header "Authorization: Bearer <ADMIN_TOKEN>".');
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    const labels = { route, method: request.method, status: String(reply.statusCode) };
    durations.observe(labels, reply.elapsedTime / 1_000);
    request.log.info({ req: request, res: reply, durationMs: Math.round(reply.elapsedTime) }, 'admin');
  });

  // Scripts name JSON also where they send nothing: that is no body, not a broken one.
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else parseJson(request, body as string, done);
  });

  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'MobileSync administration',
        version: '1',
        description: 'Accounts, devices, items and the office.',
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
  });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  await app.register(accountRoutes, { deps });
  await app.register(officeRoutes, { deps });
  await app.register(deviceRoutes, { deps });
  await app.register(conversationRoutes, { deps });
  await app.register(itemRoutes, { deps });
  await app.register(mergeRoutes, { deps });
  await app.register(exchangeRoutes, { deps });
  await app.register(replayRoutes, { deps });
  await app.register(failureRoutes, { deps });
  await app.register(whereaboutsRoutes, { deps });
  await app.register(watchRoutes, { deps });
  await app.register(restoringRoutes, { deps });
  await app.register(conflictRoutes, { deps });
  await app.register(heldRoutes, { deps });
  await app.register(brakeRoutes, { deps });
  await app.register(findRoutes, { deps });
  await app.register(stateRoutes, { deps });
  await app.register(readModelRoutes, { deps });
  await app.register(nodeRoutes, { deps });
  await app.register(proofRoutes, { deps });
  await app.register(erasureRoutes, { deps });
  await app.register(personExportRoutes, { deps });
};
