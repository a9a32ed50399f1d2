import type { Session } from '../session.ts';

/**
 * Android tries an account out under this device id before it pairs (AOSP Exchange, `validate`). Everyone's phone has
 * the same, so nothing is remembered of it.
 */
export function isStateless(session: Pick<Session, 'deviceId'>): boolean {
  return session.deviceId.toLowerCase() === 'validate';
}
