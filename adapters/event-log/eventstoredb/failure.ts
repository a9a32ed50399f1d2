/** What the store answered instead of doing what it was asked, and what that means for whoever asked. */
import { isCommandError } from '@eventstore/db-client';
import { LogDamaged } from '../port.ts';

/**
 * The store could not be asked for so long that waiting on is of no use. What an append that ends so has done is not
 * known; the same call again, later, finds out and stores nothing twice.
 */
export class EventStoreUnavailable extends Error {
  override readonly name = 'EventStoreUnavailable';
}

/** The store answered that it will not do this, now or later: the login, its rights, or a limit is in the way. */
export class EventStoreRefused extends Error {
  override readonly name = 'EventStoreRefused';
}

/** What the links of a tenant say is not what its events say: something took records out of the store. */
export class IndexDamaged extends LogDamaged {
  override readonly name = 'IndexDamaged';
}

/** The client's words for answers that another try does not change, with what to do about each. */
const final: Readonly<Record<string, string>> = {
  'access-denied': 'it does not let this user do that: look at its rights on streams and on $all',
  'stream-deleted': 'the stream was deleted for good',
  'maximum-append-size-exceeded': 'its MaxAppendSize is less than 1 MiB',
  unsupported: 'it is too old',
  'invalid-argument': 'it did not take an argument',
};

/** gRPC's UNAUTHENTICATED. */
const unauthenticated = 16;

/** @returns the error to end with; undefined when another try may go better. */
export function finalError(error: unknown): EventStoreRefused | undefined {
  if (!isCommandError(error as Error) || isUnknownUser(error)) return undefined;
  const what = final[(error as { type: string }).type];
  return what === undefined ? undefined : new EventStoreRefused(`EventStoreDB refused: ${what}`, { cause: error });
}

/** The login is wrong; but a store that has just begun to run knows no users for some seconds. */
export function isUnknownUser(error: unknown): boolean {
  return isCommandError(error as Error) && (error as { code?: number }).code === unauthenticated;
}

export const unknownUser = (cause: unknown): EventStoreRefused =>
  new EventStoreRefused('EventStoreDB refused: it does not know this user and password', { cause });

/** In some words of one line, for the operator; messages of the client hold no password. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'it did not answer';
  const [said = ''] = error.message.replace(/^\d+ /, '').split('. Resolution note:');
  return said.replace(/\s+/g, ' ').replace(/[. ]+$/, '');
}
