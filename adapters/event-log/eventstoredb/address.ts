/**
 * Where the store is, as its connection strings say it: `esdb://user:password@host:2113,host2:2113?tls=true&tlsCaFile=…`.
 * Read here and not by the client, which shows the whole string, password and all, when something in it is odd.
 */
export interface StoreHost {
  readonly host: string;
  readonly port: number;
}

export interface StoreAddress {
  /** Of one node, or seeds of a cluster. */
  readonly hosts: readonly StoreHost[];
  /** Whether the leader must be found by asking `hosts`. */
  readonly isCluster: boolean;
  /** Absent without TLS, where the server asks for none. */
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  readonly tls: { readonly caFile: string | undefined } | undefined;
  readonly keepAliveIntervalMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly deadlineMs: number;
}

/** The message is a sentence for the operator; it never holds a part of the string. */
export class BadAddress extends Error {
  override readonly name = 'BadAddress';
}

const defaultPort = 2113;

/** Taken as they are; the client's other options make no difference here. */
const ignored = new Set(['connectionname', 'maxdiscoverattempts', 'discoveryinterval', 'gossiptimeout']);

/** @throws BadAddress for what cannot be used, before anything is asked of the network. */
export function parseAddress(text: string): StoreAddress {
  const parts = /^(?:esdb|kurrentdb)(\+discover)?:\/\/(?:([^@/?]*)@)?([^@/?]+)\/?(?:\?(.*))?$/.exec(text.trim());
  if (!parts) throw new BadAddress('EVENTSTORE_URL must look like esdb://user:password@host:2113?tls=true');
  const [, discover, login, hostList = '', query = ''] = parts;
  const hosts = hostList.split(',').map(hostOf);
  const options = optionsOf(query);

  const isPlain = truth('tls', options.get('tls'), true) === false;
  const credentials = login === undefined ? undefined : credentialsOf(login);
  if (!isPlain && !credentials) {
    throw new BadAddress('EVENTSTORE_URL needs a user and a password, or tls=false for a server started as insecure');
  }
  if (!truth('tlsVerifyCert', options.get('tlsverifycert'), true)) {
    throw new BadAddress(
      'EVENTSTORE_URL has tlsVerifyCert=false, which is not supported: name the authority in tlsCaFile',
    );
  }
  const preference = options.get('nodepreference')?.toLowerCase() ?? 'leader';
  if (preference !== 'leader') {
    throw new BadAddress(
      'EVENTSTORE_URL has another nodePreference than leader: what a follower says may be out of date',
    );
  }
  if (options.has('usercertfile') || options.has('userkeyfile')) {
    throw new BadAddress('EVENTSTORE_URL names a user certificate, which is not supported: use a user and a password');
  }
  return {
    hosts,
    isCluster: discover !== undefined || hosts.length > 1,
    credentials: isPlain ? undefined : credentials,
    tls: isPlain ? undefined : { caFile: options.get('tlscafile') },
    keepAliveIntervalMs: milliseconds('keepAliveInterval', options.get('keepaliveinterval'), 10_000),
    keepAliveTimeoutMs: milliseconds('keepAliveTimeout', options.get('keepalivetimeout'), 5_000),
    deadlineMs: milliseconds('defaultDeadline', options.get('defaultdeadline'), 5_000),
  };
}

function hostOf(text: string): StoreHost {
  const [, host, port] = /^([\w.-]+|\[[\da-fA-F:]+\])(?::(\d{1,5}))?$/.exec(text.trim()) ?? [];
  if (host === undefined || Number(port ?? defaultPort) > 65_535 || port === '0') {
    throw new BadAddress('EVENTSTORE_URL names a host that is none: write name:port, several with commas');
  }
  return { host, port: Number(port ?? defaultPort) };
}

function credentialsOf(login: string): { username: string; password: string } {
  const colon = login.indexOf(':');
  try {
    const username = decodeURIComponent(login.slice(0, colon));
    const password = decodeURIComponent(login.slice(colon + 1));
    if (colon > 0 && password !== '') return { username, password };
  } catch {
    // A stray percent sign; said below.
  }
  throw new BadAddress('EVENTSTORE_URL has a login that is not user:password with special characters percent-encoded');
}

function optionsOf(query: string): Map<string, string> {
  const options = new Map<string, string>();
  for (const pair of query.split('&').filter((one) => one !== '')) {
    const [name = '', value = ''] = pair.split('=', 2);
    const key = name.toLowerCase().replace(/[_-]/g, '');
    if (ignored.has(key)) continue;
    if (!known.has(key)) throw new BadAddress(`EVENTSTORE_URL has an option that is not known: ${safeName(name)}`);
    options.set(key, decodeURIComponent(value));
  }
  return options;
}

const known = new Set([
  ...['tls', 'tlscafile', 'tlsverifycert', 'nodepreference', 'usercertfile', 'userkeyfile'],
  ...['keepaliveinterval', 'keepalivetimeout', 'defaultdeadline', 'throwonappendfailure'],
]);

/** A name that could be a part of a password is not repeated. */
const safeName = (name: string): string => (/^[A-Za-z]{1,30}$/.test(name) ? name : 'its name is no word');

function truth(name: string, value: string | undefined, initial: boolean): boolean {
  if (value === undefined) return initial;
  if (value !== 'true' && value !== 'false') throw new BadAddress(`EVENTSTORE_URL must say true or false for ${name}`);
  return value === 'true';
}

function milliseconds(name: string, value: string | undefined, initial: number): number {
  if (value === undefined) return initial;
  if (!/^\d{1,9}$/.test(value) || Number(value) < 1) {
    throw new BadAddress(`EVENTSTORE_URL must give ${name} in milliseconds`);
  }
  return Number(value);
}
