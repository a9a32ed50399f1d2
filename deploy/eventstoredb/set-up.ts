/**
 * Run once beside the cluster, and again at any time: makes the user of our nodes in EventStoreDB, gives it the password
 * it has in EVENTSTORE_URL, and says who may do what. That user reads everything and writes streams; it deletes none and
 * changes no stream's settings, so nothing that is stored can be taken back with it. Everyone else may do nothing.
 */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import { ANY, BACKWARDS, END, EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { parseAddress, type StoreHost } from '../../adapters/event-log/eventstoredb/address.ts';
import { withSecretFiles } from '../../api/secret-files.ts';

const group = 'mobilesync';
const patienceMs = 90_000;
const callTimeoutMs = 10_000;

const help = [
  'Usage: node deploy/eventstoredb/set-up.ts',
  '',
  '  EVENTSTORE_URL_FILE  a file that holds what the nodes have as EVENTSTORE_URL',
  '  ADMIN_PASSWORD_FILE  a file that holds the password of the user admin',
];

/** What the operator can mend; the message is a sentence that holds no secret. */
class SetUpError extends Error {}

interface Store {
  readonly hosts: readonly StoreHost[];
  readonly user: string;
  readonly password: string;
  readonly caFile: string;
}

function adminPassword(): string {
  const file = process.env.ADMIN_PASSWORD_FILE?.trim();
  if (!file) throw new SetUpError('ADMIN_PASSWORD_FILE is missing: it names a file that holds the password of admin.');
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new SetUpError(`ADMIN_PASSWORD_FILE names ${file}, which cannot be read (${code}).`);
  }
}

/** Where the nodes go, and as whom. */
function storeOfNodes(): Store {
  const { EVENTSTORE_URL: url } = withSecretFiles(process.env);
  if (!url) throw new SetUpError('EVENTSTORE_URL_FILE is missing: it names the file that the nodes have too.');
  const { hosts, credentials, tls } = parseAddress(url);
  if (!credentials || !tls?.caFile) throw new SetUpError('EVENTSTORE_URL must have a user, a password and tlsCaFile.');
  return { hosts, user: credentials.username, password: credentials.password, caFile: tls.caFile };
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** One of the requests by which EventStoreDB is told of users: they are no part of its client. */
function ask(store: Store, admin: string, method: string, path: string, body?: object): Promise<Answer> {
  const { host, port } = store.hosts[0]!;
  return new Promise((resolve, reject) => {
    const asked = request({
      ...{ host, port, method, path, auth: `admin:${admin}`, ca: readFileSync(store.caFile) },
      headers: { accept: 'application/json', 'content-type': 'application/json' },
      signal: AbortSignal.timeout(callTimeoutMs),
    });
    asked.on('error', reject);
    asked.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    asked.end(body && JSON.stringify(body));
  });
}

async function makeUser(store: Store, admin: string): Promise<string> {
  const known = await ask(store, admin, 'GET', `/users/${store.user}`);
  if (known.status === 401)
    throw new SetUpError('EventStoreDB does not take the password of admin in ADMIN_PASSWORD_FILE.');
  const { password, user } = store;
  const [path, body, outcome] =
    known.status === 404
      ? ['/users/', { loginName: user, fullName: 'The nodes of MobileSync', groups: [group], password }, 'made']
      : [`/users/${user}/command/reset-password`, { newPassword: password }, 'kept'];
  const answer = await ask(store, admin, 'POST', path as string, body as object);
  if (answer.status >= 300) throw new Error(`${answer.status} for the user ${user}`);
  return outcome as string;
}

/** Who may do what with streams that have no rule of their own, and with everything at once. */
async function makeRules(client: EventStoreDBClient): Promise<void> {
  const admins = '$admins';
  const settings = {
    $userStreamAcl: { $r: [admins, group], $w: [admins, group], $d: admins, $mr: [admins, group], $mw: admins },
    $systemStreamAcl: { $r: admins, $w: admins, $d: admins, $mr: admins, $mw: admins },
  };
  await client.appendToStream('$settings', jsonEvent({ type: '$settings', data: settings }), { expectedRevision: ANY });
  await client.setStreamMetadata('$all', { acl: { readRoles: [admins, group] } } as never);
}

const clientAs = ({ hosts, caFile }: Store, user: string, password: string): EventStoreDBClient => {
  const login = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
  const seeds = hosts.map(({ host, port }) => `${host}:${port}`).join();
  return EventStoreDBClient.connectionString(`esdb://${login}@${seeds}?tls=true&tlsCaFile=${caFile}`);
};

async function setUp(store: Store, admin: string): Promise<void> {
  const outcome = await makeUser(store, admin);
  const administrator = clientAs(store, 'admin', admin);
  try {
    await makeRules(administrator);
  } finally {
    await administrator.dispose();
  }
  const node = clientAs(store, store.user, store.password);
  try {
    for await (const _ of node.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 1 })) break;
  } finally {
    await node.dispose();
  }
  console.log(`the user ${store.user} was ${outcome}, and may read everything and write streams`);
}

async function main(): Promise<number> {
  if (process.argv.includes('--help')) {
    for (const line of help) console.log(line);
    return 0;
  }
  const store = storeOfNodes();
  const admin = adminPassword();
  // A new cluster elects its leader and makes its first users while it answers already.
  for (const deadline = Date.now() + patienceMs; ; ) {
    try {
      await setUp(store, admin);
      return 0;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      console.error(`not yet: ${(error as Error).message}`);
      await pause(2_000);
    }
  }
}

try {
  process.exit(await main());
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
