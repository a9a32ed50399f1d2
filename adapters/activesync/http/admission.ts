/**
 * Who asks what, in which version: everything that can be said of a request before its body is read, so that a stranger
 * cannot make the server hold megabytes.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { domainMeans, parseLogin } from '../../../domain/account/login.ts';
import type { Person, SignIn } from '../deps.ts';
import { type ProtocolVersion, parseVersion, protocolVersions } from '../version.ts';
import { type CommandName, servedCommand } from './command-names.ts';
import { parseQuery, type Query } from './query.ts';

export interface Admission {
  readonly person: Person;
  readonly command: CommandName;
  readonly query: Query;
  readonly version: ProtocolVersion;
  readonly policyKey: string | undefined;
}

export interface Turned {
  readonly status: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const unauthorized: Turned = {
  status: 401,
  text: 'Sign in with your address and password.',
  headers: { 'www-authenticate': 'Basic realm="MobileSync", charset="UTF-8"' },
};

export async function authenticate(
  signIn: SignIn,
  authorization: string | undefined,
  ip: string,
): Promise<Person | Turned> {
  const outcome = await signIn.signIn(authorization, ip);
  if (outcome.kind === 'signedIn') return outcome.person;
  if (outcome.kind === 'refused') return unauthorized;
  return {
    status: outcome.because === 'failures' ? 429 : 503,
    text: 'Try again later.',
    headers: { 'retry-after': String(outcome.retryAfterSeconds) },
  };
}

/** @param url as in the request line. */
export function admit(person: Person, url: string, headers: IncomingHttpHeaders): Admission | Turned {
  const mark = url.indexOf('?');
  const parsed = parseQuery(mark < 0 ? '' : url.slice(mark + 1));
  if (!parsed.ok) return { status: 400, text: parsed.reason };
  const { query } = parsed;
  if (query.user && !isNameOf(query.user, person)) {
    return { status: 403, text: 'The user of the request is not the one who signed in.' };
  }
  const version = versionOf(query, headers);
  if (typeof version === 'object') return version;
  const command = servedCommand(query.command);
  if (!command) return { status: 501, text: 'This server does not know the command.' };
  const policyKey = query.policyKey ?? single(headers['x-ms-policykey']);
  return { person, command, query, version, policyKey };
}

/** MS-ASHTTP 2.2.1.1.2.6. A client that names none speaks the oldest that is served. */
function versionOf(query: Query, headers: IncomingHttpHeaders): ProtocolVersion | Turned {
  if (query.version !== undefined) {
    const version = protocolVersions.find((served) => served === query.version);
    return version ?? unserved(query.version === 25 || query.version === 120);
  }
  const text = single(headers['ms-asprotocolversion']);
  if (text === undefined) return 121;
  return parseVersion(text) ?? unserved(/^\s*(1\.0|2\.0|2\.1|2\.5|12\.0)\s*$/.test(text));
}

/** A version that there is but not here is told as such; anything else is a mistake. */
function unserved(isVersion: boolean): Turned {
  const served = 'This server speaks the protocol versions 12.1, 14.0, 14.1, 16.0 and 16.1.';
  return { status: isVersion ? 505 : 400, text: served };
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** Phones write here what they signed in by, a short form of it, or another name of the same person. */
function isNameOf(text: string, { tenant, account }: Person): boolean {
  if (text === account.email) return true;
  const name = parseLogin(text);
  if (!name || (name.domain !== undefined && !domainMeans(name.domain, tenant))) return false;
  return isUser(name.user, account.email) || account.aliases.some((alias) => isUser(name.user, alias));
}

function isUser(user: string, address: string): boolean {
  return user === address || (address.startsWith(user) && address[user.length] === '@');
}
