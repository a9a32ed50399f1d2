import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ItemId, Position } from '../../domain/shared/ids.ts';
import { itemSubject } from '../../domain/shared/streams.ts';
import { ItemLogReader } from '../../projections/item-log/read.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { applicationData } from '../../test/world/examples.ts';
import { type Life, live } from '../../test/world/life.ts';
import { Phone } from '../../test/world/phone.ts';
import { World } from '../../test/world/world.ts';
import type { HistoryEntry } from './entry.ts';
import { ItemHistories } from './item-history.ts';

const kari = 'kari@life.example';

let world: World;
let histories: ItemHistories;
let life: Life;
let entries: HistoryEntry[];

beforeAll(async () => {
  const { pool } = await freshDatabase();
  world = await World.start({ pool });
  histories = new ItemHistories(world.store, new ItemLogReader(world.db));
  life = await live(world, kari);
  entries = await told(life.item);
});
afterAll(() => world.stop());

async function told(item: ItemId, after?: Position): Promise<HistoryEntry[]> {
  const located = await histories.locate(item);
  if (!located) throw new Error('the item is not found');
  const all: HistoryEntry[] = [];
  for await (const entry of histories.entries(located, after)) all.push(entry);
  return all;
}
const changesOf = (entry: HistoryEntry | undefined) =>
  entry?.changes.map(({ path, before, after }) => [path, before, after]);

describe('the life of an item', () => {
  it('is told in the order of the log, with what the office was asked and answered', () => {
    expect(entries.map(({ type }) => type)).toEqual([
      ...['ContactAdded', 'ContactChanged', 'ContactConflictKept'],
      ...['WriteBackAttempted', 'WriteBackRefused', 'WriteBackAttempted', 'WriteBackConfirmed'],
      ...['ContactRemoved', 'ContactAdded'],
    ]);
    const positions = entries.map(({ position }) => position);
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
    expect(entries[4]).toMatchObject({ office: { action: 'create', reason: 'the name is too long' } });
    expect(entries[4]?.summary).toBe('the office refused (create); the name is too long');
    // What the office made of what it was sent.
    expect(changesOf(entries[6])).toEqual([['familyName', 'Bråthen', 'Braathen']]);
    expect(entries[6]).toMatchObject({ office: { record: '77', itemRevision: 1 } });
  });

  it('tells from what to what', () => {
    expect(changesOf(entries[0])).toContainEqual(['jobTitle', undefined, 'Leder']);
    expect(changesOf(entries[1])).toEqual([['jobTitle', 'Leder', 'Sjef']]);
    expect(entries[7]).toMatchObject({ presence: 'removed', changes: [] });
    expect(entries[8]).toMatchObject({ presence: 'restored', changes: [] });
  });

  it('tells the rule that decided a conflict, and what was lost by it', () => {
    expect(entries[2]).toMatchObject({
      conflict: {
        ...{ rule: 'serverWins', loser: 'client', contested: ['jobTitle'], lostRemoval: false },
        values: [{ path: 'jobTitle', lost: 'Direktør', stands: 'Sjef' }],
      },
    });
    expect(entries[2]?.summary).toContain('the client lost jobTitle: Direktør (Sjef stands)');
  });

  it('tells the person, and the device as it was then', () => {
    const [first, second] = life.phones.map(({ session }) => session.deviceId);
    expect(entries[0]?.who).toMatchObject({
      ...{ kind: 'device', email: kari, displayName: 'Kari Nordmann', text: `${kari}, iPhone 15 ${first}` },
      device: { deviceId: first, model: 'iPhone 15', userAgent: 'Apple-iPhone/15', os: 'iOS 18.1' },
    });
    const agents = [entries[1], entries[7]].map((entry) => entry?.who.device?.userAgent);
    expect(agents).toEqual(['Apple-iPhone/16', 'Apple-iPhone/17']);
    expect(entries[7]?.who.device?.deviceId).toBe(second);
    expect(entries[8]?.who).toMatchObject({ kind: 'admin', name: 'Solveig', text: 'administrator Solveig' });
  });

  it('tells by which command and key, and for which reason', () => {
    expect(entries.map(({ cause }) => cause?.command)).toEqual([
      ...['Sync Add', 'Sync Change', 'Sync Change'],
      ...['writeback', 'writeback', 'writeback', 'writeback'],
      ...['Sync Delete', 'restore'],
    ]);
    expect(entries[1]?.cause?.key).toMatch(/^\d+\.\d+$/);
    expect(entries[8]?.cause).toEqual({ command: 'restore', reason: 'Kari asked for it' });
  });

  it('goes on after a position', async () => {
    const rest = await told(life.item, entries[3]?.position);
    expect(rest).toEqual(entries.slice(4));
  });

  it('tells when the device says that it was done', async () => {
    const phone = new Phone(world, world.session(kari, 'notes'));
    const notes = world.collection(kari, 'note');
    await phone.reset(notes);
    const data = applicationData('note', { subject: 'Melk', lastModifiedAt: '2026-11-17T06:30:00.000Z' });
    await phone.sync(notes, { commands: [{ do: 'add', clientId: 'n1', data }] });
    const [note] = [...phone.folder(notes).items.keys()] as [ItemId];
    const calendar = world.collection(kari, 'appointment');
    await phone.reset(calendar);
    const at = { start: '2026-12-01T08:00:00.000Z', end: '2026-12-01T09:00:00.000Z', timeZone: 'Europe/Oslo' };
    const meeting = applicationData('appointment', { ...at, subject: 'Møte', dtStamp: '2026-11-17T07:00:00.000Z' });
    await phone.sync(calendar, { commands: [{ do: 'add', clientId: 'a1', data: meeting }] });
    const [appointment] = [...phone.folder(calendar).items.keys()] as [ItemId];
    await world.settle(kari);
    expect((await told(note)).map(({ claimedAt }) => claimedAt)).toEqual(['2026-11-17T06:30:00.000Z']);
    expect((await told(appointment)).map(({ claimedAt }) => claimedAt)).toEqual(['2026-11-17T07:00:00.000Z']);
  });

  it('says of what was erased only that it was', async () => {
    const other = await live(world, 'ola@life.example');
    const { tenant } = world.account(kari);
    await world.keys.destroy(tenant, itemSubject(other.item));
    const erased = await told(other.item);
    expect(erased).toHaveLength(9);
    expect(new Set(erased.map(({ summary }) => summary))).toEqual(new Set(['erased: the key was destroyed']));
    expect(new Set(erased.map(({ who }) => who.text))).toEqual(new Set(['erased']));
    expect(JSON.stringify(erased)).not.toMatch(/Leder|Sjef|Direktør|ola@/);
  });

  it('is nobody else’s: an item that is not there is not found', async () => {
    expect(await histories.locate('nobody' as ItemId)).toBeNull();
  });
});
