/**
 * The fastify application. Global hooks are few on purpose: ActiveSync requests are the hot path and pay for each.
 */
import type { Server as HttpsServer } from 'node:https';
import {
  type FastifyBaseLogger,
  type FastifyHttpsOptions,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
  fastify,
  LogController,
} from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { adminPlugin } from './admin/plugin.ts';
import { autodiscoverPlugin } from './autodiscover.ts';
import type { AppDeps } from './deps.ts';
import { errorHandler, fail, onError, onNotFound } from './errors.ts';
import { healthPlugin } from './health.ts';
import { metricsPlugin } from './metrics.ts';

const bodyLimitBytes = 1_000_000;

/** The whole application, not listening yet. Closing it ends the server; parked requests must be ended before. */
export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const options: FastifyServerOptions = {
    loggerInstance: deps.logger as FastifyBaseLogger,
    // One line a request is written where it helps, by the plugins: not for phones that ask every minute.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodyLimitBytes,
    // Phones vary the case of the paths.
    routerOptions: { caseSensitive: false, maxParamLength: 400 },
    // A proxy we know says for whom it asks; anyone else's word on that is not taken.
    trustProxy: [...(deps.trustedProxies ?? ['loopback'])],
    // Of the request only: an answer may be parked for an hour (Ping), so the connection itself has no limit.
    requestTimeout: 120_000,
    connectionTimeout: 0,
    keepAliveTimeout: 75_000,
    // What comes on an open connection while the server stops is answered as ever, and the connection then closed.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      onError(error, request as FastifyRequest, reply as FastifyReply);
    },
  };
  // Plain or TLS, it is the same application to everyone who registers something.
  const secure = { ...options, https: deps.tls } as unknown as FastifyHttpsOptions<HttpsServer>;
  const app = deps.tls ? (fastify(secure) as unknown as FastifyInstance) : fastify(options);

  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(deps.isAway ? errorHandler(deps.isAway) : onError);
  app.setNotFoundHandler(onNotFound);

  // Before the server waits for its running requests: a parked one would keep it waiting for an hour.
  app.addHook('preClose', async () => {
    await deps.shutdown?.();
  });

  await app.register(healthPlugin, { deps });
  await app.register(metricsPlugin, { deps });
  await app.register(adminPlugin, { prefix: '/admin', deps });
  await app.register(autodiscoverPlugin, { deps });
  if (deps.activesync) await app.register(deps.activesync);
  else {
    app.all('/Microsoft-Server-ActiveSync', (_request, reply) =>
      fail(reply, 503, 'unavailable', 'ActiveSync is not served by this process.'),
    );
  }
  return app;
}
