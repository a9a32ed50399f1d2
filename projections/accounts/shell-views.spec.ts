import { Kysely, PostgresDialect } from 'kysely';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import { migrate } from '../../adapters/postgres/migrate.ts';
import { migrations } from '../../adapters/postgres/migrations/index.ts';
import type { AccountEvent } from '../../domain/account/events.ts';
import { parseLogin } from '../../domain/account/login.ts';
import { accountStream, deviceStream, foldersStream } from '../../domain/account/stream.ts';
import type { DeviceEvent } from '../../domain/device/events.ts';
import type { FolderEvent } from '../../domain/folder/events.ts';
import type {
  AccountId,
  CollectionId,
  DeviceKey,
  Instant,
  Position,
  StreamName,
  TenantId,
} from '../../domain/shared/ids.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { devicesView, deviceTopic } from '../devices/project.ts';
import { DevicesReader } from '../devices/read.ts';
import { foldersView } from '../folders/project.ts';
import { FoldersReader } from '../folders/read.ts';
import { PageWrites } from '../runner/page.ts';
import type { AnyDatabase, Projection } from '../runner/projection.ts';
import { accountsView } from './project.ts';
import { AccountsReader } from './read.ts';

let db: Kysely<AnyDatabase>;
let position = 0;
const views = [accountsView(), devicesView(), foldersView()];

beforeAll(async () => {
  const { pool } = await freshDatabase();
  const own = views.flatMap((view) => view.migrations);
  const names = new Set(migrations.map(({ name }) => name));
  await migrate(pool, [...migrations, ...own.filter(({ name }) => !names.has(name))]);
  db = new Kysely({ dialect: new PostgresDialect({ pool }) });
});

type Said = AccountEvent | DeviceEvent | FolderEvent | { type: 'Forgotten'; data: null };
async function project(view: Projection, tenant: string, events: readonly (readonly [StreamName, Said])[]) {
  const [from, writes] = [position as Position, new PageWrites(db, tenant as TenantId)];
  const touched = await view.project(
    writes.page(
      from,
      events.map(
        ([stream, { type, data }]) =>
          ({ stream, type, data, position: ++position, meta: { at: '2026-01-01T00:00:00.000Z' } }) as RecordedEvent,
      ),
    ),
  );
  await writes.execute([], position as Position);
  return touched;
}
const id = (name: string) => name as AccountId;
const created = (name: string, email: string, aliases: string[] = []) =>
  [
    accountStream(id(name)),
    {
      type: 'AccountCreated',
      version: 1,
      data: { account: name, email, aliases, timeZone: 'UTC', policy: 'none', features: [] },
    },
  ] as const satisfies readonly [StreamName, AccountEvent];

describe('the accounts read model', () => {
  it('finds a person by every name, and nobody by a name of two', async () => {
    const [view] = views as [Projection];
    await project(view, 'demo.example', [
      created('kari1', 'kari@demo.example', ['kn', 'post@demo.example']),
      created('ola1', 'ola@demo.example'),
    ]);
    await project(view, 'other.example', [created('ola2', 'ola@other.example')]);
    const reader = new AccountsReader(db);
    const find = async (name: string) => (await reader.byLogin(parseLogin(name)!))?.account;
    expect(await find('Kari@Demo.Example')).toBe('kari1');
    expect(await find('kari')).toBe('kari1');
    expect(await find('kn')).toBe('kari1');
    expect(await find('post@demo.example')).toBe('kari1');
    expect(await find('DEMO\\kari')).toBe('kari1');
    expect(await find('ola')).toBeUndefined();
    expect(await find('DEMO\\ola')).toBe('ola1');
    expect(await find('other.example\\ola')).toBe('ola2');
    expect(await find('kari@other.example')).toBeUndefined();
  });

  it('follows a change of aliases, an office and a removal, also within one page', async () => {
    const [view] = views as [Projection];
    const stream = accountStream(id('per1'));
    const changed = (aliases: string[]): [StreamName, AccountEvent] => [
      stream,
      { type: 'AccountChanged', version: 1, data: { aliases } },
    ];
    const office: [StreamName, AccountEvent] = [
      stream,
      { type: 'OfficeConnected', version: 1, data: { system: 'simulator', username: 'p', password: 'p' } },
    ];
    await project(view, 'per.example', [created('per1', 'per@per.example', ['one']), changed(['two']), office]);
    const reader = new AccountsReader(db);
    expect(await reader.namesTaken(['one', 'two', 'per@per.example'], undefined)).toEqual(['per@per.example', 'two']);
    expect(await reader.namesTaken(['two'], id('per1'))).toEqual([]);
    expect(await reader.withOffice()).toMatchObject([{ account: 'per1', office: 'simulator' }]);
    await project(view, 'per.example', [
      changed(['three']),
      [stream, { type: 'OfficeDisconnected', version: 1, data: {} }],
    ]);
    expect(await reader.namesTaken(['two', 'three'], undefined)).toEqual(['three']);
    expect(await reader.withOffice()).toEqual([]);
    await project(view, 'per.example', [[stream, { type: 'AccountRemoved', version: 1, data: {} }]]);
    expect(await reader.byEmail('per@per.example')).toBeUndefined();
    expect(await reader.namesTaken(['three', 'per@per.example'], undefined)).toEqual([]);
  });

  it('gives the name to the next account after the first was erased', async () => {
    const [view] = views as [Projection];
    await project(view, 'x.example', [created('x1', 'x@x.example')]);
    await project(view, 'x.example', [
      [accountStream(id('x1')), { type: 'Forgotten', data: null }],
      created('x2', 'x@x.example'),
    ]);
    expect(await new AccountsReader(db).byEmail('x@x.example')).toMatchObject({ account: 'x2', tenant: 'x.example' });
  });

  it('lists in pages', async () => {
    const reader = new AccountsReader(db);
    const first = await reader.page('', 2);
    expect(first.map((row) => row.email)).toEqual(['kari@demo.example', 'ola@demo.example']);
    expect((await reader.page('ola@demo.example', 10)).map((row) => row.email)).toEqual([
      'ola@other.example',
      'x@x.example',
    ]);
  });
});

describe('the devices read model', () => {
  it('knows the paired devices of an account, and tells who was touched', async () => {
    const view = devicesView();
    const paired = (name: string): [StreamName, DeviceEvent] => [
      deviceStream(name as DeviceKey),
      {
        type: 'DevicePaired',
        version: 1,
        data: {
          account: 'kari1',
          deviceId: name.toUpperCase(),
          deviceType: 'T',
          userAgent: 'U',
          protocolVersion: '16.1',
        },
      },
    ];
    const touched = await project(view, 'demo.example', [paired('d1'), paired('d2')]);
    expect([...touched!.keys()]).toEqual([deviceTopic('d1' as DeviceKey), deviceTopic('d2' as DeviceKey)]);
    await project(view, 'demo.example', [
      [deviceStream('d1' as DeviceKey), { type: 'DeviceRemoved', version: 1, data: {} }],
    ]);
    const rows = await new DevicesReader(db).of(id('kari1'));
    expect(rows.map((row) => row.deviceId)).toEqual(['D2']);
  });

  it('knows which devices are under watch, and until when', async () => {
    const view = views[1] as Projection;
    const said = (key: string, type: string, data: object) =>
      [deviceStream(key as DeviceKey), { type, version: 1, data } as DeviceEvent] as const;
    const client = { deviceType: 'Test', userAgent: 'Test', protocolVersion: '14.1' };
    const paired = (key: string) =>
      said(key, 'DevicePaired', { account: 'siv1', deviceId: key.toUpperCase(), ...client });
    const watched = (key: string, until: string) => said(key, 'DeviceWatched', { until });
    const ten = '2026-01-02T10:00:00.000Z';
    await project(view, 'demo.example', ['w1', 'w2', 'w3', 'w4'].map(paired));
    await project(view, 'demo.example', [
      ...[watched('w1', '2026-01-02T09:00:00.000Z'), watched('w1', ten), watched('w2', '2026-01-02T09:30:00.000Z')],
      ...[watched('w3', ten), said('w3', 'DeviceWatchEnded', {}), watched('w4', ten)],
    ]);
    await project(view, 'demo.example', [said('w4', 'DeviceRemoved', {})]);
    const listed = async (now: string) =>
      (await new DevicesReader(db).watched(now as Instant)).map(({ deviceId, until }) => [deviceId, until]);
    expect(await listed('2026-01-02T08:00:00.000Z')).toEqual([
      ['W2', '2026-01-02T09:30:00.000Z'],
      ['W1', ten],
    ]);
    expect(await listed('2026-01-02T09:45:00.000Z')).toEqual([['W1', ten]]);
    expect(await listed(ten)).toEqual([]);
  });
});

describe('the folders read model', () => {
  it('knows who shows whose folder', async () => {
    const view = foldersView();
    const added = (account: string, data: object): [StreamName, FolderEvent] => [
      foldersStream(id(account)),
      {
        type: 'FolderAdded',
        version: 1,
        data: { kind: 'appointment', displayName: 'C', parent: null, wireType: 13, access: 'write', ...data } as never,
      },
    ];
    await project(view, 'demo.example', [
      added('kari1', { collection: 'c1' }),
      added('ola1', { collection: 's1', owner: 'kari1', source: 'c1', access: 'read' }),
    ]);
    const reader = new FoldersReader(db);
    expect(await reader.showing('c1' as CollectionId)).toMatchObject([{ account: 'ola1', collection: 's1' }]);
    expect(await reader.ownerOf('c1' as CollectionId)).toBe('kari1');
    expect(await reader.ownerOf('s1' as CollectionId)).toBeUndefined();
    await project(view, 'demo.example', [
      [foldersStream(id('ola1')), { type: 'FolderRemoved', version: 1, data: { collection: 's1' } }],
    ]);
    expect(await reader.showing('c1' as CollectionId)).toEqual([]);
  });
});
