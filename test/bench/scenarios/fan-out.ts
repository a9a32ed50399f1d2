import { readdir } from 'node:fs/promises';
import { sync } from '../../eas-client/commands/sync.ts';
import type { Phone } from '../../eas-client/phone.ts';
import { NoAnswer, Transport } from '../../eas-client/transport.ts';
import { bytes, number, percentile } from '../figures.ts';
import { measure, type Result } from '../measure.ts';
import { residentBytes } from '../proc.ts';
import { each, range, type Stage } from '../stage.ts';
import type { Scenario } from './scenario.ts';
import { smallContact } from './throughput.ts';

/** Each local address has about 28,000 ports; a few hundred connections a pool keep its choosing cheap. */
const connectionsEach = 250;
const devicesEach = 20;
/** Connections opened at once: the listening socket's queue holds 511. */
const openedAtOnce = 100;

/** Parked Pings: what one costs while nothing happens, and how soon it is answered when something does. */
export const fanOut: Scenario = {
  name: 'fan-out',
  office: false,
  users: ({ parked }) => Math.ceil(parked / devicesEach),
  async *run(stage, { parked, quick }) {
    const people = Math.ceil(parked / devicesEach);
    const transports = range(Math.ceil((people * devicesEach) / connectionsEach)).map(
      (place) =>
        new Transport({ url: stage.server.url, connections: connectionsEach, localAddress: `127.0.1.${place}` }),
    );
    try {
      yield* play(stage, transports, people, quick ? 5 : Math.min(50, people));
    } finally {
      await Promise.all(transports.map((transport) => transport.close()));
    }
  },
};

async function* play(
  stage: Stage,
  transports: readonly Transport[],
  people: number,
  changes: number,
): AsyncGenerator<Result> {
  const phones: { person: number; phone: Phone }[] = [];
  const writers = range(people).map((person) => stage.phone(person, `WAKER${person}`));
  yield await measure(stage, {
    scenario: `preparing ${people * devicesEach} devices: key 0 and first Sync of three folders in one request each`,
    unit: 'devices',
    run: async (recorder) => {
      await each(writers, 16, async (writer) => {
        await writer.setUp();
        await writer.sync();
      });
      for (const place of range(people * devicesEach)) {
        const person = ((place - 1) % people) + 1;
        const transport = transports[Math.floor((place - 1) / connectionsEach)]!;
        const phone = stage.phone(person, `PARKED${place}`, { transport });
        phone.state.folders = writers[person - 1]!.state.folders;
        phones.push({ person, phone });
      }
      await each(phones, 16, ({ phone }) => recorder.time(() => phone.sync(watched(phone))));
    },
  });

  await settled(stage);
  const before = (await residentBytes(stage.server.pid)).now;
  const cut = new AbortController();
  const answered = new Map<number, number[]>();
  let early = 0;
  let isChanging = false;
  const park = async ({ person, phone }: (typeof phones)[number]): Promise<void> => {
    try {
      const answer = await phone.ping(3_000, { ids: watched(phone), signal: cut.signal });
      if (!isChanging || answer.kind !== 'changes') early++;
      answered.get(person)?.push(performance.now());
    } catch (error) {
      if (!(error instanceof NoAnswer) || error.reason !== 'cancelled') throw error;
    }
  };
  const parked: Promise<void>[] = [];
  let failure: unknown;
  const idle = await connectionsOf(stage);
  for (let first = 0; first < phones.length; first += openedAtOnce) {
    for (const one of phones.slice(first, first + openedAtOnce)) {
      parked.push(
        park(one).catch((error: unknown) => {
          failure ??= error;
        }),
      );
    }
    const open = async (): Promise<boolean> => {
      if (failure) throw failure;
      return (await connectionsOf(stage)) >= Math.max(parked.length, idle);
    };
    await until(open, 30_000, `${parked.length} connections were open`);
  }
  await settled(stage);
  const after = (await residentBytes(stage.server.pid)).now;

  yield await measure(stage, {
    scenario: `${phones.length} parked Pings, changes in ${changes} accounts`,
    unit: 'wakes',
    run: async (recorder) => {
      const each = (after - before) / phones.length;
      recorder.notes.push(
        `${bytes(each)} of server memory each parked Ping (${bytes(before)} before, ${bytes(after)} parked)`,
      );
      isChanging = true;
      const sinceAccepted: number[] = [];
      for (const person of range(changes)) {
        const times: number[] = [];
        answered.set(person, times);
        const started = performance.now();
        await change(writers[person - 1]!);
        const accepted = performance.now();
        await until(() => times.length === devicesEach, 10_000, `the Pings of user${person} were answered`);
        for (const time of times) {
          recorder.samples.push(time - started);
          sinceAccepted.push(Math.max(0, time - accepted));
        }
      }
      const [half, most] = [percentile(sinceAccepted, 0.5), percentile(sinceAccepted, 0.95)];
      recorder.notes.push(`from the accepted Add to the answered Ping: p50 ${number(half)} ms, p95 ${number(most)} ms`);
      recorder.notes.push('p50 to p99 above are from sending the Add to the answer of the Ping');
      if (early > 0) recorder.notes.push(`${early} Pings were answered without a change`);
    },
  });
  cut.abort();
  await Promise.all(parked);
  if (failure) throw failure;
}

function watched(phone: Phone): string[] {
  return (['contact', 'appointment', 'task'] as const).flatMap((kind) => phone.folders(kind).slice(0, 1));
}

async function change(writer: Phone): Promise<void> {
  const [id = ''] = writer.folders('contact');
  const folder = writer.folder(id);
  const data = smallContact('Vekket');
  const command = { do: 'add' as const, clientId: writer.nextClientId(), data };
  const answer = await sync(writer.client, {
    collections: [{ id, key: folder.key, getChanges: false, commands: [command] }],
  });
  if (answer.collections[0]?.responses[0]?.status !== 1) throw new Error('an Add was refused');
  folder.key = answer.collections[0].key;
}

/** Files the server has open: connections, and some forty others. */
async function connectionsOf(stage: Stage): Promise<number> {
  return (await readdir(`/proc/${stage.server.pid}/fd`)).length;
}

/** Memory at rest: collected garbage goes back to the system some time after. */
async function settled(stage: Stage): Promise<void> {
  let last = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 10; round++) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const { now } = await residentBytes(stage.server.pid);
    if (Math.abs(now - last) < 1_048_576) return;
    last = now;
  }
}

async function until(isTrue: () => boolean | Promise<boolean>, withinMs: number, what: string): Promise<void> {
  for (const end = performance.now() + withinMs; !(await isTrue()); ) {
    if (performance.now() > end) throw new Error(`it did not come to pass within ${withinMs} ms that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
