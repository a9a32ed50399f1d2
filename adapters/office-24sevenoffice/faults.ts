import type { Instant } from '../../domain/shared/ids.ts';
import {
  AuthenticationFailed,
  NotFound,
  OutcomeUnknown,
  QuotaExceeded,
  Refused,
  Unavailable,
} from '../office/errors.ts';

/** The office does not know the session's cookie (any more); the call was not done. Never leaves the adapter. */
export class SessionLost extends Error {
  override readonly name = 'SessionLost';
}

const hourMs = 3_600_000;
const reasonMaxLength = 200;

/** What stands after the last `--->` of an ASP.NET fault, without its exception type (facts 3a). */
export function innermost(fault: string): { readonly type: string; readonly message: string } {
  const last = (fault.split('--->').at(-1) ?? '').trim().split('\n')[0] ?? '';
  const match = /^([\w.]+(?:Exception|Error)): ?(.*)$/.exec(last);
  return match === null ? { type: '', message: last } : { type: match[1]!, message: match[2]! };
}

/** When a quota opens again: the reset header, the date in the text, or an hour from now. */
export function quotaEnd(stated: string | undefined, nowMs: number): Instant {
  const text = stated?.trim() ?? '';
  const iso = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?$/.test(text)
    ? `${text.replace(' ', 'T')}Z`
    : text;
  const ms = Date.parse(iso);
  // A date in the past, or far away, is not one to wait for.
  const until = Number.isNaN(ms) || ms <= nowMs || ms > nowMs + 24 * hourMs ? nowMs + hourMs : ms;
  return new Date(until).toISOString() as Instant;
}

const refusals = /Argument|Format|Unauthorized|Security|InvalidOperation|Validation|ParameterNotFound/;

/**
 * What a fault means for the caller. A write whose fault says nothing known may have been done in part: its outcome
 * is unknown. Texts: facts 3a.
 */
export function faultError(fault: string, write: boolean, reset: string | undefined, nowMs: number): Error {
  const { type, message } = innermost(fault);
  if (/not authenticated/i.test(fault)) return new SessionLost(message);
  if (/IdentityId is blocked/i.test(fault)) return new AuthenticationFailed('The identity is blocked in the office');
  const quarantine = /Quarantine ends at (.+?)\.?$/i.exec(message);
  if (quarantine !== null || /Limit exceeded/i.test(message)) {
    return new QuotaExceeded(quotaEnd(reset ?? quarantine?.[1], nowMs));
  }
  if (/KeyNotFound|ObjectNotFound/.test(type)) return new NotFound(message.slice(0, reasonMaxLength));
  const known = /Please specify at least|Instance validation error|error in XML document/i.test(message);
  if (known || refusals.test(type)) return new Refused(message.slice(0, reasonMaxLength));
  return write
    ? new OutcomeUnknown('The office failed during a write')
    : new Unavailable(`The office failed${type === '' ? '' : ` with ${type}`}`);
}
