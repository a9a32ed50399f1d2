/** A backup is the same, whichever log the events come from, and is put back into either. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allMigrations } from '../../api/catalogue.ts';
import type { Instant, StreamName, SubjectId, TenantId } from '../../domain/shared/ids.ts';
import { dumpOf } from '../../test/dump.ts';
import { type FreshDatabase, freshDatabase } from '../../test/postgres.ts';
import { keyRing } from '../crypto/key-ring.ts';
import { masterKey } from '../crypto/master-key.ts';
import { postgresKeyTable } from '../crypto/postgres/table.ts';
import { memoryEventLog } from '../event-log/memory.ts';
import type { EventLog, StoredEvent } from '../event-log/port.ts';
import { postgresEventLog } from '../event-log/postgres/log.ts';
import { joinPayload } from '../event-log/sealed.ts';
import { Died, dying, everything, note } from '../log-copy/rig.ts';
import { migrate } from '../postgres/migrate.ts';
import { loadBackup } from './load.ts';
import { giveUpKeys, lostKeys } from './lost-keys.ts';
import { type Manifest, NoBackup } from './manifest.ts';
import { fillLog, reaches, stageLog } from './staged-log.ts';
import { writeBackup } from './write.ts';

let database: FreshDatabase;
let directory: string;
beforeAll(async () => {
  database = await freshDatabase();
  await migrate(database.pool, allMigrations());
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-other-log-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const at = '2026-11-22T12:00:00.000Z' as Instant;
const [ours, theirs] = ['demo.example', 'æøå "x".example'] as [TenantId, TenantId];
const postgres = () => postgresEventLog({ pool: database.pool });
let folders = 0;

async function backUp(log?: EventLog): Promise<{ folder: string; manifest: Manifest }> {
  const folder = path.join(directory, `b${++folders}`);
  const manifest = await writeBackup({ pool: database.pool, log, folder, ledgerDirectory: directory, at });
  return { folder, manifest };
}

/** In a transaction that ends as `work` does. */
async function loading<T>(folder: string, manifest: Manifest, isStaged: boolean, work: (pool: pg.Pool) => Promise<T>) {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    if (isStaged) await stageLog(client);
    await loadBackup(client, folder, manifest, []);
    const done = await work({ query: client.query.bind(client) } as unknown as pg.Pool);
    await client.query('commit');
    return done;
  } finally {
    client.release(true);
  }
}

async function putBack(log: EventLog, { folder, manifest }: Awaited<ReturnType<typeof backUp>>): Promise<void> {
  await loading(folder, manifest, true, (pool) => fillLog(log, postgresEventLog({ pool }), manifest.tenants));
}

async function written(log: EventLog): Promise<void> {
  for (const [n, stream] of [...'abacabcb'].entries()) await note(log, ours, `${stream} "\\,{}`, `\0ÿ${n}`);
  for (const stream of 'xyx') await note(log, theirs, stream, `${stream}'`);
}

const all = async (log: EventLog): Promise<StoredEvent[]> => [
  ...(await everything(log, ours)),
  ...(await everything(log, theirs)),
];

describe('a backup of a log that is not in the database', () => {
  it('put back into PostgreSQL is that log there, to the byte, and goes on', async () => {
    const log = memoryEventLog();
    await written(log);
    const { folder, manifest } = await backUp(log);
    expect(manifest.tenants).toEqual([
      { tenant: ours, position: 8 },
      { tenant: theirs, position: 3 },
    ]);
    expect(manifest.tables.map(({ name }) => name).slice(0, 3)).toEqual(['tenants', 'streams', 'events']);
    await loading(folder, manifest, false, async () => {});
    expect(await all(postgres())).toEqual(await all(log));
    for (const one of [postgres(), log]) await note(one, ours, 'a "\\,{}', 'after');
    const ends = async (one: EventLog) =>
      (await everything(one, ours)).map(({ stream, revision }) => [stream, revision]);
    expect(await ends(postgres())).toEqual(await ends(log));
  });

  it('is of any events what PostgreSQL would have written', async () => {
    const instant = fc.date({ min: new Date(0), max: new Date('2200-01-01'), noInvalidDate: true });
    const events = fc.array(
      fc.record({
        ...{
          id: fc.uuid(),
          type: fc.string({ unit: 'grapheme' }),
          schemaVersion: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
        },
        ...{ recordedAt: instant, payload: fc.uint8Array({ maxLength: 50 }) },
        hash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      }),
      { minLength: 1, maxLength: 20 },
    );
    await fc.assert(
      fc.asyncProperty(events, async (drafts) => {
        const log = memoryEventLog();
        const own = drafts.map((draft) => ({
          ...{ ...draft, id: randomUUID() as never, recordedAt: draft.recordedAt.toISOString() as Instant },
          type: draft.type.replaceAll('\0', ''),
        }));
        await log.append(ours, [{ stream: 's' as StreamName, expectedRevision: -1, events: own }]);
        const { folder, manifest } = await backUp(log);
        await loading(folder, manifest, false, async () => {});
        expect(await everything(postgres(), ours)).toEqual(await everything(log, ours));
      }),
      { numRuns: 15 },
    );
  });

  it('holds nothing behind the cut, and has every key that its events need, while others append', async () => {
    const log = memoryEventLog();
    const keys = keyRing({ table: postgresKeyTable(database), master: masterKey(new Uint8Array(32).fill(3)) });
    let n = 0;
    const append = async () => {
      const subject = `item-${randomUUID()}` as SubjectId;
      const key = (await keys.ensure(ours, [{ subject, owner: subject }])).get(subject)!;
      const sealed = joinPayload(subject, key.seal(Buffer.from(`${n++}`), 'here')).toString();
      await note(log, ours, 's', sealed);
    };
    await append();
    let isOver = false;
    const writers = (async () => {
      while (!isOver) await append();
    })();
    const { folder, manifest } = await backUp(log);
    isOver = true;
    await writers;
    const head = await log.head(ours);
    await loading(folder, manifest, false, async () => {});
    const restored = await everything(postgres(), ours);
    expect(restored).toHaveLength(manifest.tenants[0]!.position);
    expect(head).toBeGreaterThanOrEqual(restored.length);
    expect(await lostKeys(database.pool, postgres())).toEqual([]);
  });

  it('is not made of a log that lacks an event', async () => {
    const log = memoryEventLog();
    await written(log);
    const holed = {
      tenants: log.tenants,
      readAll: async (...[tenant, after, limit]: Parameters<EventLog['readAll']>) =>
        (await log.readAll(tenant, after, limit)).filter(({ position }) => position !== 5),
    };
    await expect(backUp(holed as EventLog)).rejects.toThrow(/no position 5 of demo\.example/);
  });
});

describe('a backup put back into a log that is not in the database', () => {
  it('fills it with the same events at the same positions, and leaves the tables of the log as they were', async () => {
    const source = memoryEventLog();
    await written(source);
    const whole = await backUp(source);
    await loading(whole.folder, whole.manifest, false, async () => {});
    const ofPostgres = await backUp();
    await note(postgres(), ours, 'later', 'on');
    const before = new Map(await dumpOf(database.pool));
    const target = memoryEventLog();
    await putBack(target, ofPostgres);
    expect(await all(target)).toEqual(await all(source));
    expect(await reaches(target, ofPostgres.manifest.tenants)).toBe(true);
    const after = new Map(await dumpOf(database.pool));
    for (const name of ['public.events', 'public.streams', 'public.tenants'])
      expect(after.get(name)).toBe(before.get(name));
  });

  it('goes on where it was cut', async () => {
    const source = memoryEventLog();
    await written(source);
    const made = await backUp(source);
    for (const when of ['before', 'after'] as const) {
      const target = memoryEventLog();
      await expect(putBack(dying(target, 1, when), made)).rejects.toThrow(Died);
      expect(await reaches(target, made.manifest.tenants)).toBe(when === 'after');
      await putBack(target, made);
      expect(await all(target)).toEqual(await all(source));
    }
  });

  it('is refused with a sentence where the log holds anything else, which stays', async () => {
    const source = memoryEventLog();
    await written(source);
    const made = await backUp(source);
    const ahead = memoryEventLog();
    await putBack(ahead, made);
    await note(ahead, theirs, 'x', 'more');
    const other = memoryEventLog();
    await note(other, ours, 'a', 'of another life');
    const stranger = memoryEventLog();
    await note(stranger, 'stranger.example' as TenantId, 'a', 'x');
    for (const [target, why] of [
      [ahead, /"x"\.example goes on to position 4 and is backed up to 3/],
      [other, /demo\.example, position 1: .* another prefix \(EVENTSTORE_PREFIX\) or an empty store/],
      [stranger, /stranger\.example goes on to position 1 and is backed up to 0/],
    ] as const) {
      const before = [await all(target), await target.tenants()];
      await expect(putBack(target, made)).rejects.toThrow(why);
      await expect(putBack(target, made)).rejects.toThrow(NoBackup);
      expect([await all(target), await target.tenants()]).toEqual(before);
    }
  });
});

it('keys that a database lost which is behind its log are named, and given up for good', async () => {
  const log = memoryEventLog();
  const keys = keyRing({ table: postgresKeyTable(database), master: masterKey(new Uint8Array(32).fill(3)) });
  const [known, gone, lost] = ['known', 'erased', 'lost'].map((name) => `item-${name}` as SubjectId) as SubjectId[];
  await keys.ensure(
    theirs,
    [known!, gone!].map((subject) => ({ subject, owner: subject })),
  );
  await keys.destroy(theirs, gone!);
  for (const subject of [known!, gone!, lost!, lost!])
    await note(log, theirs, 's', joinPayload(subject, Buffer.from('x')).toString());
  const found = await lostKeys(database.pool, log);
  expect(found).toEqual([{ tenant: theirs, subjects: [lost], events: 2 }]);
  await giveUpKeys(database.pool, found);
  expect(await lostKeys(database.pool, log)).toEqual([]);
  expect(await keys.ensure(theirs, [{ subject: lost!, owner: lost! }])).toEqual(new Map());
});
