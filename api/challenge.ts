import type { FastifyReply } from 'fastify';
import { fail } from './errors.ts';
import type { SignIn } from './services/sign-in.ts';

/** The answer to whoever did not sign in: 401 with a challenge, or 429 and 503 with the time to wait. */
export function challenge(reply: FastifyReply, outcome: Exclude<SignIn, { kind: 'signedIn' }>): FastifyReply {
  if (outcome.kind === 'refused') {
    reply.header('www-authenticate', 'Basic realm="MobileSync"');
    return fail(reply, 401, 'unauthorized', 'Sign in with your email address and password.');
  }
  reply.header('retry-after', outcome.retryAfterSeconds);
  const wait = `Wait ${outcome.retryAfterSeconds} s before the next attempt.`;
  if (outcome.because === 'failures') return fail(reply, 429, 'too_many_requests', `Too many failed sign-ins. ${wait}`);
  return fail(reply, 503, 'unavailable', `Too many sign-ins at once. ${wait}`);
}
