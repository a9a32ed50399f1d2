import type { Instant } from '../../domain/shared/ids.ts';
import { OutcomeUnknown, QuotaExceeded, Refused, SessionExpired, Unavailable } from './errors.ts';
import type { OfficeKind } from './port.ts';

export type FakeOfficeOperation =
  | 'open'
  | 'listCollections'
  | 'list'
  | 'get'
  | 'findByExternalKey'
  | 'create'
  | 'update'
  | 'delete'
  | 'searchDirectory';

/**
 * How a call goes wrong. `lost`: the request never arrived, a write's caller cannot know; `lostAnswer`: a write was
 * done and its answer lost; `emptyList`: a listing comes back empty as if it were whole.
 */
export type FakeOfficeFault =
  | 'unavailable'
  | 'sessionExpired'
  | 'quota'
  | 'refused'
  | 'lost'
  | 'lostAnswer'
  | 'emptyList';

export interface FakeOfficeCall {
  readonly operation: FakeOfficeOperation;
  readonly owner: string;
  readonly kind?: OfficeKind;
}

/** A promise is an office that takes its time. */
export type MayFault = FakeOfficeFault | undefined | Promise<FakeOfficeFault | undefined>;

/** Throws what the caller of a call that meets a fault is told before anything is done; returns when it is done. */
export function meetFault(fault: FakeOfficeFault, call: FakeOfficeCall, nowMs: number): void {
  const writes = call.operation === 'create' || call.operation === 'update' || call.operation === 'delete';
  switch (fault) {
    case 'unavailable':
      throw new Unavailable('The office does not answer');
    case 'sessionExpired':
      throw new SessionExpired('The session has ended');
    case 'quota':
      throw new QuotaExceeded(new Date(nowMs + 3_600_000).toISOString() as Instant);
    case 'refused':
      throw new Refused('refused as asked');
    case 'lost':
      if (writes) throw new OutcomeUnknown(`No answer to ${call.operation}`);
      throw new Unavailable('No answer');
    case 'lostAnswer':
      if (!writes) throw new Unavailable('No answer');
      return;
    case 'emptyList':
      return;
  }
}
