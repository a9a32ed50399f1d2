/** Errors as JSON that says what to do: `{ error, message }`. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { LogSealed } from '../adapters/event-log/port.ts';

export interface ErrorBody {
  /** A word for programs. */
  readonly error: string;
  /** A sentence for people. */
  readonly message: string;
}

export function fail(reply: FastifyReply, status: number, error: string, message: string): FastifyReply {
  return reply
    .code(status)
    .type('application/json; charset=utf-8')
    .send({ error, message } satisfies ErrorBody);
}

const words: Readonly<Record<number, string>> = {
  400: 'invalid_request',
  401: 'unauthorized',
  404: 'not_found',
  405: 'method_not_allowed',
  408: 'timeout',
  413: 'too_large',
  414: 'too_large',
  415: 'unsupported_media_type',
  429: 'too_many_requests',
  503: 'unavailable',
};

const isMoved =
  'The events are moved to another log just now: nothing can be changed until the server is started on it.';

/** To be thrown: what is asked for cannot be had just now. The message is told. */
export const unavailable = (message: string): Error => Object.assign(new Error(message), { statusCode: 503 });

const awaySeconds = 10;

/** As {@link onError}, but what failed because a store is away is to be asked again. */
export const errorHandler =
  (isAway: (error: unknown) => boolean) =>
  (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    if (!isAway(error)) return onError(error, request, reply);
    request.log.warn({ reason: error.message, req: request }, 'a store cannot be reached');
    reply.header('retry-after', String(awaySeconds));
    if (error instanceof LogSealed) return fail(reply, 503, 'unavailable', isMoved);
    return fail(reply, 503, 'unavailable', 'The database cannot be reached just now; ask again in a few seconds.');
  };

/** What a client did wrong is told; what went wrong here is logged and named by the request's id. */
export function onError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (hasZodFastifySchemaValidationErrors(error)) {
    const details = error.validation.map((issue) => {
      const where = issue.instancePath.replace(/^\//, '').replaceAll('/', '.');
      return where === '' ? issue.message : `${where}: ${issue.message}`;
    });
    return fail(reply, 400, 'invalid_request', `${[...new Set(details)].join('; ')}.`);
  }
  const status = error.statusCode ?? 500;
  if (status < 500) return fail(reply, status, words[status] ?? 'invalid_request', error.message);
  if (status === 503) return fail(reply, 503, 'unavailable', error.message);
  request.log.error({ err: error, req: request }, 'a request failed');
  return fail(reply, 500, 'internal', `Something went wrong here; the log tells more under request ${request.id}.`);
}

export function onNotFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = request.url.split('?', 1)[0];
  return fail(reply, 404, 'not_found', `There is nothing at ${request.method} ${path}; see /admin/openapi.json.`);
}
