import type { Instant } from '../../domain/shared/ids.ts';

export type OfficeErrorCode =
  | 'authenticationFailed'
  | 'sessionExpired'
  | 'quotaExceeded'
  | 'refused'
  | 'notFound'
  | 'unavailable'
  | 'outcomeUnknown';

/** Why an office call did not succeed. Messages carry neither credentials nor what a record holds. */
export abstract class OfficeError extends Error {
  abstract readonly code: OfficeErrorCode;
  /** Whether the same call may succeed later without anyone changing anything. */
  abstract readonly retryable: boolean;
}

/** The office does not accept these credentials, or has blocked the identity. A person must act. */
export class AuthenticationFailed extends OfficeError {
  override readonly name = 'AuthenticationFailed';
  readonly code = 'authenticationFailed';
  readonly retryable = false;
}

/** The office's session ended, and signing in again once did not help. */
export class SessionExpired extends OfficeError {
  override readonly name = 'SessionExpired';
  readonly code = 'sessionExpired';
  readonly retryable = true;
}

/** The office serves no more requests before `until`. */
export class QuotaExceeded extends OfficeError {
  override readonly name = 'QuotaExceeded';
  readonly code = 'quotaExceeded';
  readonly retryable = true;
  readonly until: Instant;
  constructor(until: Instant) {
    super(`The office's quota is used up until ${until}`);
    this.until = until;
  }
}

/** The office understood the request and will not do it: invalid values, or no right to. */
export class Refused extends OfficeError {
  override readonly name = 'Refused';
  readonly code = 'refused';
  readonly retryable = false;
  readonly reason: string;
  constructor(reason: string) {
    super(`The office refused: ${reason}`);
    this.reason = reason;
  }
}

/** The record or collection is not there (any more). */
export class NotFound extends OfficeError {
  override readonly name = 'NotFound';
  readonly code = 'notFound';
  readonly retryable = false;
}

/** No connection, HTTP 5xx, a time-out of a read, or an answer that cannot be understood. Nothing was written. */
export class Unavailable extends OfficeError {
  override readonly name = 'Unavailable';
  readonly code = 'unavailable';
  readonly retryable = true;
}

/**
 * A write was sent, and its answer never came or was a failure of the office's own: it may or may not have been done.
 * Read back before trying again.
 */
export class OutcomeUnknown extends OfficeError {
  override readonly name = 'OutcomeUnknown';
  readonly code = 'outcomeUnknown';
  readonly retryable = false;
}
