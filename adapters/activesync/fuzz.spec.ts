/**
 * Mutated requests: whatever a client sends is answered, never with an error of the server's, and never for long. Sends
 * `FUZZ_REQUESTS` of them; without that 100,000, or as many as fit into a minute, and says how many it were.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { el } from '../../test/eas-client/elements.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { servedCommands, unservedCommands } from './http/command-names.ts';
import { parseQuery } from './http/query.ts';
import { addContact, serverIds, TestDevice } from './test-server/device.ts';
import { startTestServer, type TestServer } from './test-server/server.ts';
import {
  AirSync,
  AirSyncBase,
  FolderHierarchy,
  GetItemEstimate,
  ItemOperations,
  Move,
  Ping,
  Provision,
  Search,
  Settings,
} from './wbxml/code-pages/index.ts';
import type { Element } from './wbxml/element.ts';
import { encodeTree } from './wbxml/writer.ts';

const asked = Number(process.env.FUZZ_REQUESTS ?? 0);
const wanted = asked > 0 ? asked : 100_000;
const withinMs = asked > 0 ? Number.POSITIVE_INFINITY : 55_000;
/** Not an error but an answer: a command or a version that is not served. */
const saysNo = new Set([501, 505]);
const email = 'kari@fuzz.example';

let server: TestServer;
let seeds: { command: string; body: Buffer }[];
let authorization: string;

beforeAll(async () => {
  const { pool } = await freshDatabase();
  server = await startTestServer(pool);
  await server.create({ email, policy: 'none' });
  const device = new TestDevice(server, { email, deviceId: 'fuzz' });
  authorization = device.authorization;
  const folders = await device.folders();
  const contacts = folders.get('Contacts') as string;
  const begun = await device.sync(contacts, '0');
  const names = ['A', 'B', 'C'];
  const { key, responses } = await device.sync(
    contacts,
    begun.key,
    names.map((name) => addContact(name, name)),
  );
  seeds = documents(contacts, key, device.folderKey, serverIds(responses)).map(([command, tree]) => ({
    command,
    body: encodeTree(tree),
  }));
});
afterAll(() => server.stop());

function documents(contacts: string, key: string, folderKey: string, items: readonly string[]): [string, Element][] {
  const [one = '', two = ''] = items;
  const { FolderSync, FolderCreate, FolderUpdate, FolderDelete, SyncKey, ServerId, ParentId, DisplayName, Type } =
    FolderHierarchy;
  const preference = el(AirSyncBase.BodyPreference, [el(AirSyncBase.Type, '1'), el(AirSyncBase.TruncationSize, '512')]);
  const sync = (commands: Element[]) =>
    el(AirSync.Sync, [
      el(AirSync.Collections, [
        el(AirSync.Collection, [
          el(AirSync.SyncKey, key),
          el(AirSync.CollectionId, contacts),
          el(AirSync.WindowSize, '10'),
          el(AirSync.Options, [el(AirSync.FilterType, '0'), el(AirSync.Conflict, '1'), preference]),
          el(AirSync.Commands, commands),
        ]),
      ]),
    ]);
  return [
    ['Sync', sync([addContact('9', 'X')])],
    ['Sync', sync([el(AirSync.Fetch, [el(AirSync.ServerId, one)]), el(AirSync.Delete, [el(AirSync.ServerId, two)])])],
    ['FolderSync', el(FolderSync, [el(SyncKey, folderKey)])],
    [
      'FolderCreate',
      el(FolderCreate, [el(SyncKey, folderKey), el(ParentId, '0'), el(DisplayName, 'X'), el(Type, '14')]),
    ],
    [
      'FolderUpdate',
      el(FolderUpdate, [el(SyncKey, folderKey), el(ServerId, contacts), el(ParentId, '0'), el(DisplayName, 'Y')]),
    ],
    ['FolderDelete', el(FolderDelete, [el(SyncKey, folderKey), el(ServerId, contacts)])],
    [
      'Ping',
      el(Ping.Ping, [
        el(Ping.HeartbeatInterval, '480'),
        el(Ping.Folders, [el(Ping.Folder, [el(Ping.Id, contacts), el(Ping.Class, 'Contacts')])]),
      ]),
    ],
    [
      'MoveItems',
      el(Move.MoveItems, [
        el(Move.Move, [el(Move.SrcMsgId, one), el(Move.SrcFldId, contacts), el(Move.DstFldId, contacts)]),
      ]),
    ],
    [
      'GetItemEstimate',
      el(GetItemEstimate.GetItemEstimate, [
        el(GetItemEstimate.Collections, [
          el(GetItemEstimate.Collection, [el(AirSync.SyncKey, key), el(GetItemEstimate.CollectionId, contacts)]),
        ]),
      ]),
    ],
    [
      'ItemOperations',
      el(ItemOperations.ItemOperations, [
        el(ItemOperations.Fetch, [
          el(ItemOperations.Store, 'Mailbox'),
          el(AirSync.CollectionId, contacts),
          el(AirSync.ServerId, one),
          el(ItemOperations.Options, [preference]),
        ]),
      ]),
    ],
    [
      'Settings',
      el(Settings.Settings, [
        el(Settings.DeviceInformation, [el(Settings.Set, [el(Settings.Model, 'x')])]),
        el(Settings.UserInformation, [el(Settings.Get)]),
      ]),
    ],
    [
      'Provision',
      el(Provision.Provision, [
        el(Provision.Policies, [
          el(Provision.Policy, [
            el(Provision.PolicyType, 'MS-EAS-Provisioning-WBXML'),
            el(Provision.PolicyKey, '1'),
            el(Provision.Status, '1'),
          ]),
        ]),
      ]),
    ],
    ['Search', el(Search.Search, [el(Search.Store, [el(Search.Name, 'GAL'), el(Search.Query, 'x')])])],
  ];
}

/** A small generator of numbers, the same for the same seed (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function mutated(bytes: Buffer, below: (bound: number) => number): Buffer {
  let body = Buffer.from(bytes);
  for (let times = 1 + below(4); times > 0; times--) {
    const place = below(body.length + 1);
    switch (below(5)) {
      case 0:
        if (place < body.length) body[place] = below(256);
        break;
      case 1:
        if (place < body.length) body[place] = (body[place] as number) ^ (1 << below(8));
        break;
      case 2:
        body = Buffer.concat([body.subarray(0, place), body.subarray(place + 1 + below(4))]);
        break;
      case 3:
        body = Buffer.concat([body.subarray(0, place), Buffer.from([below(256)]), body.subarray(place)]);
        break;
      case 4: {
        const from = below(body.length + 1);
        body = Buffer.concat([
          body.subarray(0, place),
          body.subarray(from, from + 1 + below(24)),
          body.subarray(place),
        ]);
      }
    }
  }
  return body;
}

const versions = ['14.1', '12.1', '14.0', '16.0', '16.1'];

describe('mutated requests', () => {
  it(
    'are all answered, none with an error of the server',
    async () => {
      const seed = Date.now() % 2 ** 31;
      const below = random(seed);
      const started = performance.now();
      const inFlight = 4;
      const statuses = new Map<number, number>();
      let sent = 0;
      const isEnough = () => sent >= wanted || performance.now() - started > withinMs;
      const one = async (): Promise<void> => {
        const { command, body } = seeds[below(seeds.length)] as (typeof seeds)[number];
        // The keys in the seeds are those of one device; what a device says of itself is spread over many.
        const nth = command === 'Settings' || command === 'Provision' ? below(250) : 0;
        const answer = await server.app.inject({
          method: 'POST',
          url: `/Microsoft-Server-ActiveSync?Cmd=${command}&DeviceId=fuzz${nth > 0 ? nth : ''}&DeviceType=Test`,
          headers: { authorization, 'ms-asprotocolversion': versions[nth % versions.length] as string },
          payload: mutated(body, below),
        });
        const { statusCode } = answer;
        statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
        expect(statusCode >= 500 && !saysNo.has(statusCode), `${command}, seed ${seed}, request ${sent}`).toBe(false);
      };
      const worker = async (): Promise<void> => {
        while (!isEnough()) {
          sent++;
          await one();
        }
      };
      // Pings and Syncs that wait are ended, so that none holds the others up.
      const ending = setInterval(() => server.closings.endAll(), 1);
      try {
        await Promise.all(Array.from({ length: inFlight }, worker));
      } finally {
        clearInterval(ending);
      }
      const seconds = (performance.now() - started) / 1000;
      const counts = [...statuses].map(([status, count]) => `${count} with ${status}`).join(', ');
      console.info(`${sent} mutated requests in ${seconds.toFixed(1)} s (seed ${seed}): ${counts}`);
      expect(server.errors, `seed ${seed}`).toEqual([]);
      expect(sent).toBeGreaterThanOrEqual(asked > 0 ? asked : 2_000);
    },
    asked > 0 ? 3_600_000 : 90_000,
  );

  it('leave the server as able as before', async () => {
    const device = new TestDevice(server, { email, deviceId: 'after' });
    const contacts = (await device.folders()).get('Contacts') as string;
    expect((await device.sync(contacts, '0')).status).toBe(1);
  });
});

describe('mutated request lines', () => {
  const commands = fc.constantFrom<string>(...servedCommands, ...unservedCommands);
  const plain = fc
    .tuple(commands, fc.string(), fc.string(), fc.string())
    .map(([command, user, id, type]) => `Cmd=${command}&User=${user}&DeviceId=${id}&DeviceType=${type}`);
  const base64 = fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes).toString('base64'));

  it('are parsed or refused, and never throw', () => {
    fc.assert(
      fc.property(fc.oneof(plain, base64, fc.string(), fc.string({ unit: 'binary' })), (text) => {
        const parsed = parseQuery(text);
        if (!parsed.ok) return;
        expect(parsed.query.deviceId).toMatch(/^[ -~]{1,64}$/);
        expect(parsed.query.deviceType).toMatch(/^[ -~]{0,64}$/);
      }),
      { numRuns: 20_000 },
    );
  });

  it('are answered, none with an error of the server', async () => {
    const body = seeds[2]?.body as Buffer;
    await fc.assert(
      fc.asyncProperty(fc.oneof(plain, base64), async (text) => {
        const answer = await server.app.inject({
          method: 'POST',
          url: `/Microsoft-Server-ActiveSync?${encodeURI(text.toWellFormed()).replaceAll('#', '%23')}`,
          headers: { authorization },
          payload: body,
        });
        expect(answer.statusCode < 500 || saysNo.has(answer.statusCode)).toBe(true);
        server.closings.endAll();
      }),
      { numRuns: 500 },
    );
  });
});
