import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { CommandId, Instant, Position, StreamName, SubjectId, TenantId } from '../../domain/shared/ids.ts';
import { defineEvents, type EventDefinitions, eventRegistry, UnknownEvent } from '../../domain/shared/upcast.ts';
import { SealBroken } from '../crypto/envelope.ts';
import { type KeyTable, keyRing } from '../crypto/key-ring.ts';
import { masterKey } from '../crypto/master-key.ts';
import { memoryKeyTable } from '../crypto/memory.ts';
import { type DomainWrite, emptyHead, type StreamHead } from './event-store.port.ts';
import { createEventStore, SubjectErased } from './event-store.ts';
import type { Finding } from './finding.ts';
import { memoryEventLog } from './memory.ts';
import { AppendRejected, type EventLog } from './port.ts';
import { verifyTenant } from './verify.ts';

const tenant = 'demo.example' as TenantId;
const kari = 'kari' as SubjectId;
const clock = (): Instant => '2026-03-29T01:00:00.000Z' as Instant;

const first = defineEvents({
  Named: { version: 1, schema: z.object({ name: z.string() }), upcasters: [] },
});
const second = defineEvents({
  Named: {
    version: 3,
    schema: z.object({ first: z.string(), last: z.string() }),
    upcasters: [
      ({ name }: { name: string }) => ({ names: name.split(' ') }),
      ({ names }: { names: string[] }) => ({ first: names[0]!, last: names[1]! }),
    ],
  },
});

function setUp(definitions: EventDefinitions = first) {
  const log = memoryEventLog();
  const table = memoryKeyTable();
  const master = masterKey(randomBytes(32));
  const keys = keyRing({ table, master });
  const open = (events: EventDefinitions = definitions, onto: EventLog = log, over: KeyTable = table) =>
    createEventStore({ log: onto, keys: keyRing({ table: over, master }), clock, events: eventRegistry(events) });
  return { log, table, keys, store: createEventStore({ log, keys, clock, events: eventRegistry(definitions) }), open };
}

function named(stream: string, head: StreamHead, command: string, ...names: string[]): DomainWrite {
  return {
    stream: stream as StreamName,
    head,
    subject: stream as SubjectId,
    owner: kari,
    events: names.map((name) => ({
      event: { type: 'Named', version: 1, data: { name } },
      meta: { at: clock(), actor: { kind: 'system' }, commandId: command as CommandId },
    })),
  };
}

function appended<K extends string, O extends { kind: K }>(outcome: O): Extract<O, { kind: 'appended' }> {
  if (outcome.kind !== 'appended') throw new Error(`expected an append, got ${outcome.kind}`);
  return outcome as Extract<O, { kind: 'appended' }>;
}

describe('the event store', () => {
  it('gives back what was appended, from a stream, from several, and from the whole log', async () => {
    const { store, open } = setUp();
    const written = appended(
      await store.append(tenant, [named('a', emptyHead, 'c', 'Kari', 'Kåre'), named('b', emptyHead, 'c', 'Ola')]),
    );
    for (const reader of [store, open()]) {
      const { events, head } = await reader.load(tenant, 'a' as StreamName);
      expect(events).toEqual(written.recorded[0]);
      expect(head).toEqual(written.heads[0]);
      const many = await reader.loadMany(
        tenant,
        ['a', 'b', 'none'].map((one) => one as StreamName),
      );
      expect([...many.values()].map((page) => page.events)).toEqual(written.recorded);
      expect(await reader.readAll(tenant, 0 as Position, 10)).toEqual(written.recorded.flat());
    }
    expect(written.recorded.flat().map((event) => (event.data as { name: string }).name)).toEqual([
      'Kari',
      'Kåre',
      'Ola',
    ]);
    expect((await store.load(tenant, 'none' as StreamName)).head).toEqual(emptyHead);
  });

  it('lets nothing personal into the log in clear', async () => {
    const { store, log } = setUp();
    await store.append(tenant, [named('a', emptyHead, 'c', 'Nordmann')]);
    const [stored] = await log.readAll(tenant, 0 as Position, 1);
    expect(Buffer.from(stored!.payload).toString('latin1')).not.toContain('Nordmann');
  });

  it('continues the chain from the head it is given, so that the log verifies', async () => {
    const { store, log } = setUp();
    let head = emptyHead;
    for (const name of ['1', '2', '3'])
      head = appended(await store.append(tenant, [named('a', head, name, name, `${name}'`)])).heads[0]!;
    head = (await store.load(tenant, 'a' as StreamName)).head;
    await store.append(tenant, [named('a', head, '4', '4')]);
    const findings: Finding[] = [];
    await verifyTenant(tenant, { log, onFinding: (finding) => findings.push(finding) });
    expect(findings).toEqual([]);
    expect(head.revision).toBe(5);
  });

  it('says which write conflicts', async () => {
    const { store } = setUp();
    await store.append(tenant, [named('b', emptyHead, 'c', 'Ola')]);
    const outcome = await store.append(tenant, [named('a', emptyHead, 'd', '1'), named('b', emptyHead, 'd', '2')]);
    expect(outcome).toEqual({ kind: 'conflict', index: 1 });
  });

  it('answers a repeated command with the first result and the end of the stream as it is now', async () => {
    const { store, open } = setUp();
    const write = named('a', emptyHead, 'c', 'Kari', 'Kåre');
    const once = appended(await store.append(tenant, [write]));
    const later = appended(await store.append(tenant, [named('a', once.heads[0]!, 'd', 'Ola')]));
    const again = appended(await open().append(tenant, [write]));
    expect(again.commits).toEqual([{ ...once.commits[0], repeated: true }]);
    expect(again.recorded).toEqual(once.recorded);
    expect(again.heads).toEqual(later.heads);
  });

  it('counts the events of each command of a write by themselves, so a repeat is known in other company', async () => {
    const { store } = setUp();
    const both = named('a', emptyHead, 'c', 'Kari');
    const mixed = { ...both, events: [...both.events, ...named('a', emptyHead, 'd', 'Ola').events] };
    const once = appended(await store.append(tenant, [mixed]));
    const again = appended(await store.append(tenant, [named('a', once.heads[0]!, 'd', 'Ola')]));
    expect(again.commits[0]!.repeated).toBe(true);
    expect(again.recorded[0]![0]!.id).toBe(once.recorded[0]![1]!.id);
  });

  it('brings old versions to the present one, wherever they are read', async () => {
    const { store, open } = setUp();
    await store.append(tenant, [named('a', emptyHead, 'c', 'Kari Nordmann')]);
    const present = open(second);
    const data = { first: 'Kari', last: 'Nordmann' };
    expect((await present.load(tenant, 'a' as StreamName)).events[0]).toMatchObject({ type: 'Named', data });
    expect((await present.readAll(tenant, 0 as Position, 1))[0]).toMatchObject({ data });
  });

  it('refuses to read what a newer program stored, and to write what is not the present version', async () => {
    const { store, open } = setUp(second);
    const write = named('a', emptyHead, 'c', 'Kari');
    await expect(store.append(tenant, [write])).rejects.toThrow(AppendRejected);
    const event = { type: 'Named', version: 3, data: { first: 'Kari', last: 'Nordmann' } };
    await store.append(tenant, [{ ...write, events: [{ ...write.events[0]!, event }] }]);
    await expect(open(first).load(tenant, 'a' as StreamName)).rejects.toThrow(UnknownEvent);
    await expect(open({}).readAll(tenant, 0 as Position, 1)).rejects.toThrow(UnknownEvent);
  });

  it('gives a Forgotten event in the place of each that was sealed with a destroyed key, and the log still verifies', async () => {
    const { store, keys, log } = setUp();
    await store.append(tenant, [named('a', emptyHead, 'c', 'Kari'), named('b', emptyHead, 'c', 'Ola')]);
    await keys.destroy(tenant, 'a' as SubjectId);
    const events = await store.readAll(tenant, 0 as Position, 10);
    expect(events.map((event) => [event.type, event.data, event.position])).toEqual([
      ['Forgotten', null, 1],
      ['Named', { name: 'Ola' }, 2],
    ]);
    const findings: Finding[] = [];
    await verifyTenant(tenant, { log, onFinding: (finding) => findings.push(finding) });
    expect(findings).toEqual([]);
    const { head } = await store.load(tenant, 'a' as StreamName);
    await expect(store.append(tenant, [named('a', head, 'd', 'Kari')])).rejects.toThrow(SubjectErased);
    await keys.destroy(tenant, kari);
    expect((await store.readAll(tenant, 0 as Position, 10)).map((event) => event.type)).toEqual([
      'Forgotten',
      'Forgotten',
    ]);
  });

  it('refuses an event whose seal belongs to another place', async () => {
    const { store, log, open } = setUp();
    await store.append(tenant, [named('a', emptyHead, 'c', 'Kari', 'Ola')]);
    const moved: EventLog = {
      ...log,
      readStream: async (...all) => {
        const [one, other] = await log.readStream(...all);
        return [{ ...one!, payload: other!.payload }];
      },
    };
    await expect(open(first, moved).load(tenant, 'a' as StreamName)).rejects.toThrow(SealBroken);
  });

  it('refuses an event that grows beyond the limit when sealed', async () => {
    const { log, keys } = setUp();
    const store = createEventStore({ log, keys, clock, events: eventRegistry(first), maxPayloadBytes: 1_000 });
    const write = named('a', emptyHead, 'c', 'x'.repeat(1_000));
    await expect(store.append(tenant, [write])).rejects.toThrow(AppendRejected);
    expect(await log.head(tenant)).toBe(0);
  });

  it('fetches the keys of a page once', async () => {
    const { store, table, open, log } = setUp();
    await store.append(
      tenant,
      Array.from({ length: 50 }, (_, n) => named(`s${n}`, emptyHead, 'c', `${n}`)),
    );
    let asked = 0;
    const counting: KeyTable = {
      ...table,
      insertAndFind: (...all) => {
        asked++;
        return table.insertAndFind(...all);
      },
    };
    const reader = open(first, log, counting);
    expect(await reader.readAll(tenant, 0 as Position, 100)).toHaveLength(50);
    expect(asked).toBe(1);
  });
});
