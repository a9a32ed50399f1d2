import { text, type XmlElement, type XmlNode } from '../xml.ts';
import type { SimulatedSession } from './sessions.ts';
import type { Client, OfficeState, SimulatedPerson } from './state.ts';

/** One call of a SOAP operation of the simulated office. */
export interface Call {
  readonly state: OfficeState;
  readonly request: XmlElement;
  /** Absent for operations that need none. */
  readonly session: SimulatedSession | undefined;
  /** Answer listings as if there were nothing. */
  readonly emptyList: boolean;
}

/** Gives the content of the operation's `…Result`; undefined leaves the result out. Throws Fault and Invalid. */
export type Operation = (call: Call) => XmlNode | undefined;

/** What the office answers with HTTP 500 (facts 3a). */
export class Fault extends Error {
  override readonly name = 'Fault';
}

export const unableToProcess = (type: string, message: string): string =>
  `Server was unable to process request. ---> ${type === '' ? '' : `${type}: `}${message}`;

/** Whose session it is, and at which tenant. */
export function signedIn(call: Call): { readonly person: SimulatedPerson; readonly clientId: number } {
  const { session } = call;
  if (session === undefined) throw new Fault(unableToProcess('', 'Session is not authenticated'));
  return session;
}

export const noRight = () =>
  new Fault(unableToProcess('System.UnauthorizedAccessException', 'The user has no right to do this'));
export const noSuch = (what: string) =>
  new Fault(unableToProcess('System.Collections.Generic.KeyNotFoundException', `${what} does not exist`));

/** The tenant the session is bound to. */
export function clientOf(call: Call): Client {
  const client = call.state.clients.get(signedIn(call).clientId);
  if (client === undefined) throw noSuch('The client');
  return client;
}

/** A child's text for comparing without regard to case. */
export const lower = (node: XmlNode | undefined, name: string): string | undefined => text(node, name)?.toLowerCase();
