/** Who acts through the administration, and why. All share one token, so the name is what they say of themselves. */
import type { FastifyRequest } from 'fastify';
import type { Actor, Cause } from '../../domain/shared/event.ts';

const nameMax = 100;

/** The header `X-Admin-Name` (percent-encoded UTF-8) names the person; without it nobody is named. */
export function actingAdmin(request: Pick<FastifyRequest, 'headers'>): Actor & { kind: 'admin' } {
  const header = request.headers['x-admin-name'];
  if (typeof header !== 'string') return { kind: 'admin' };
  const name = decoded(header)
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, nameMax);
  return name === '' ? { kind: 'admin' } : { kind: 'admin', name };
}

/** For the history: which command of the administration it was, and the reason that was given. */
export const causeOf = (command: string, reason: string | undefined): Cause => ({
  command,
  ...(reason ? { reason } : {}),
});

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
