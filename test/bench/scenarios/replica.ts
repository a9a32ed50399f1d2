/**
 * What it costs to wait for a standby: the same server on the same primary, block by block with and without. The standby
 * streams all the time; only whether a commit waits for it changes. On one machine this is a lower bound, so a line of
 * some length is measured too.
 */
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EasClient } from '../../eas-client/client.ts';
import { Phone } from '../../eas-client/phone.ts';
import { newState } from '../../eas-client/state.ts';
import { Transport } from '../../eas-client/transport.ts';
import { PostgresPair } from '../../postgres-pair.ts';
import { adminToken, ServerProcess } from '../../server-process.ts';
import { percentile } from '../figures.ts';
import type { Beside, Result } from '../measure.ts';
import { cpuSecondsOf } from '../proc.ts';
import { each, range } from '../stage.ts';
import { send, smallContact } from './throughput.ts';

const people = 16;

const ways = [
  { name: 'not waiting', isSynchronous: false, delayMs: 0 },
  { name: 'waiting', isSynchronous: true, delayMs: 0 },
  { name: '5 ms away', isSynchronous: true, delayMs: 5 },
] as const;

const loads = [
  { name: 'one at a time', phones: 1, adds: 40 },
  { name: `${people} at a time`, phones: people, adds: 20 },
] as const;

interface Total {
  count: number;
  seconds: number;
  cpuSeconds: number;
  readonly samplesMs: number[];
}

export async function* replicaScenario({ quick }: { readonly quick: boolean }): AsyncGenerator<Result> {
  const rounds = quick ? 2 : 10;
  const directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-bench-'));
  await chmod(directory, 0o711);
  const pair = await PostgresPair.start(directory);
  let server: ServerProcess | undefined;
  let transport: Transport | undefined;
  try {
    const dataDir = path.join(directory, 'node');
    await mkdir(dataDir);
    const { user, password, port, database } = pair.primary.connection;
    const url = `postgres://${user}:${password}@127.0.0.1:${port}/${database}`;
    server = await ServerProcess.start({ dataDir, env: { DATABASE_URL: url, DEMO: 'false' } });
    transport = new Transport({ url: server.url, connections: people });
    const phones = await phonesOn(transport);
    for (const load of loads) {
      const totals = new Map<string, Total>();
      // The first of each does not count: connections, plans and code are warm then.
      for (let round = 0; round <= rounds; round++) {
        for (const index of ways.keys()) {
          const way = ways[(index + round) % ways.length]!;
          pair.line.delayMs = way.delayMs;
          await pair.setSynchronous(way.isSynchronous);
          const total = totals.get(way.name) ?? { count: 0, seconds: 0, cpuSeconds: 0, samplesMs: [] };
          if (round > 0) totals.set(way.name, total);
          await block(server.pid, phones.slice(0, load.phones), load.adds, `${load.phones}x${round}x${index}`, total);
        }
      }
      yield resultOf(`accepted Adds, ${load.name}, while commits wait for a standby or not`, totals);
    }
  } finally {
    await transport?.close();
    await server?.stop();
    await pair.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function phonesOn(transport: Transport): Promise<Phone[]> {
  const phones: Phone[] = [];
  for (const nth of range(people)) {
    const user = `user${nth}@bench.example`;
    const answer = await transport.send({
      method: 'POST',
      path: '/admin/accounts',
      headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ email: user, password: 'demo', office: null }),
    });
    if (answer.status >= 300) throw new Error(`POST /admin/accounts: HTTP ${answer.status} ${answer.body}`);
    const deviceId = `replica${nth}`;
    const client = new EasClient({ transport, user, password: 'demo', deviceId, version: 141 });
    const phone = new Phone({ client, state: newState({ url: transport.url, user, deviceId, version: 141 }) });
    await phone.setUp();
    await phone.sync();
    phones.push(phone);
  }
  return phones;
}

async function block(pid: number, phones: readonly Phone[], adds: number, name: string, total: Total): Promise<void> {
  const cpuBefore = await cpuSecondsOf(pid);
  const begun = performance.now();
  await each(phones, phones.length, async (phone) => {
    for (const nth of range(adds)) {
      const sent = performance.now();
      await send(phone, { do: 'add', clientId: phone.nextClientId(), data: smallContact(`${name}x${nth}`) });
      total.samplesMs.push(performance.now() - sent);
      total.count++;
    }
  });
  total.seconds += (performance.now() - begun) / 1_000;
  total.cpuSeconds += (await cpuSecondsOf(pid)) - cpuBefore;
}

function resultOf(what: string, totals: ReadonlyMap<string, Total>): Result {
  const rate = ({ count, seconds }: Total): number => count / seconds;
  const reference = totals.get(ways[0].name)!;
  const beside = ways.map(({ name }): Beside => {
    const total = totals.get(name)!;
    const { samplesMs } = total;
    return {
      name,
      perSecond: rate(total),
      ratio: rate(total) / rate(reference),
      p50Ms: percentile(samplesMs, 0.5),
      p95Ms: percentile(samplesMs, 0.95),
      p99Ms: percentile(samplesMs, 0.99),
      cpuMsEach: (total.cpuSeconds * 1_000) / total.count,
    };
  });
  const { count, seconds } = reference;
  return {
    scenario: `replica: ${what}`,
    ...{ count, unit: 'adds', seconds, perSecond: rate(reference) },
    ...{ beside, aims: [], notes: ['both servers on this machine; 5 ms away is a delay in each direction'] },
  };
}
