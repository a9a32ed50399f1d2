import { describe, expect, it } from 'vitest';
import {
  AuthenticationFailed,
  NotFound,
  OutcomeUnknown,
  QuotaExceeded,
  Refused,
  Unavailable,
} from '../office/errors.ts';
import { faultError, SessionLost } from './faults.ts';

const nowMs = Date.UTC(2026, 2, 1, 12);
const head = 'Server was unable to process request. ---> ';
const meaning = (fault: string, write = false) => faultError(`${head}${fault}`, write, undefined, nowMs);

describe('a fault of the office', () => {
  it('means what its text behind the last arrow says', () => {
    expect(meaning('Session is not authenticated')).toBeInstanceOf(SessionLost);
    expect(meaning('System.Exception: The request to x is not authenticated')).toBeInstanceOf(SessionLost);
    expect(meaning('The provided IdentityId is blocked')).toBeInstanceOf(AuthenticationFailed);
    expect(meaning('Please specify at least one search parameter')).toBeInstanceOf(Refused);
    expect(
      meaning(
        "System.InvalidOperationException: X ---> System.InvalidOperationException: Instance validation error: 'a'",
      ),
    ).toBeInstanceOf(Refused);
    expect(meaning('System.Collections.Generic.KeyNotFoundException: gone')).toBeInstanceOf(NotFound);
  });

  it('says when a quarantine ends, and never a time that is past or out of reach', () => {
    const until = (date: string) =>
      (meaning(`Limit exceeded by 1. Request is blocked. Quarantine ends at ${date}`) as QuotaExceeded).until;
    expect(until('2026-03-01 12:30:00')).toBe('2026-03-01T12:30:00.000Z');
    expect(until('2026-03-01T12:30:00Z')).toBe('2026-03-01T12:30:00.000Z');
    for (const strange of ['2020-01-01T00:00:00Z', '2999-01-01T00:00:00Z', 'some day'])
      expect(until(strange)).toBe('2026-03-01T13:00:00.000Z');
    expect(meaning('Limit exceeded by 7')).toBeInstanceOf(QuotaExceeded);
  });

  it('leaves the outcome of a write open when it says nothing known, and carries no trace of the office’s inside', () => {
    const broken = 'System.NullReferenceException: Object reference\n   at Office24Seven.Secret.Save()';
    expect(meaning(broken, true)).toBeInstanceOf(OutcomeUnknown);
    expect(meaning(broken)).toBeInstanceOf(Unavailable);
    expect(meaning('System.ArgumentException: no\n   at Office24Seven.Secret.Save()').message).not.toContain('Secret');
  });
});
