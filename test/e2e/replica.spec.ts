/**
 * Two data centres in small: a primary, a standby in the other centre, and an address that leads to the primary. The
 * primary is killed under load and the standby takes its place; the server of ours is not started anew.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IsStandby, isAway } from '../../adapters/postgres/away.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import { runRebuild } from '../../api/cli/rebuild.ts';
import { runRestore } from '../../api/cli/restore.ts';
import { runVerify } from '../../api/cli/verify.ts';
import { EasClient, HttpError } from '../eas-client/client.ts';
import { type PingAnswer, ping } from '../eas-client/commands/ping.ts';
import { Random } from '../simulator/random.ts';
import { Centres, users } from './centres.ts';
import { everything, KillPhone } from './kill-phone.ts';

const rounds = Number(process.env.REPLICA_ROUNDS ?? 2);
/** One way between the centres, where nobody waits for the standby. */
const distanceMs = Number(process.env.REPLICA_DELAY_MS ?? 20);
const answersBetween = 60;

async function lines(
  run: (print: (line: string) => void) => Promise<number>,
): Promise<{ code: number; said: string[] }> {
  const said: string[] = [];
  return { code: await run((line) => said.push(line)), said };
}

let centres: Centres;
beforeAll(async () => {
  centres = await Centres.open();
}, 120_000);
afterAll(() => centres?.close(), 60_000);

describe('a synchronous standby', { timeout: 300_000 }, () => {
  beforeAll(async () => {
    await centres.pair.setSynchronous(true);
    await centres.startServer();
    await centres.setUpPhones('replica', 7);
  }, 120_000);

  it('is not taken for the database: nobody is told what it does not know yet', async () => {
    const { connection } = centres.pair.standby;
    const pool = createPool({ connection, applicationName: 'test', mustBePrimary: true, onError: () => {} });
    const error = await pool.query('select 1').catch((failed: unknown) => failed);
    expect(error).toBeInstanceOf(IsStandby);
    expect(isAway(error)).toBe(true);
    await pool.end();
  });

  it('that is away lets no change be acknowledged, until it is back or an operator gives it up', async () => {
    const { pair } = centres;
    const waiting = async () => {
      const [row] = await pair.primary.ask<{ count: number }>(
        `select count(*)::int as count from pg_stat_activity where wait_event = 'SyncRep'`,
      );
      return row?.count ?? 0;
    };
    const phone = centres.phones[0]!;
    for (const comesBack of [true, false]) {
      await pair.standby.kill();
      let isAnswered = false;
      const step = phone.step().then(() => {
        isAnswered = true;
      });
      await expect.poll(waiting, { timeout: 10_000 }).toBeGreaterThan(0);
      // Who asks for nothing to be stored is served.
      await phone.client.options();
      expect(isAnswered).toBe(false);
      if (comesBack) await pair.standby.start();
      else await pair.setSynchronous(false);
      await step;
    }
    await pair.standby.start();
    await pair.setSynchronous(true);
  });

  it(`has everything that phones were told is stored, in ${rounds} deaths of the primary under load`, async () => {
    const { pair, address } = centres;
    const waiting = await park();
    centres.load();
    for (let round = 1; round <= rounds; round++) {
      await centres.more(answersBetween);
      const killedMs = performance.now();
      await pair.primary.kill();
      const acknowledged = centres.acknowledged();
      // As an address that moves before the standby has become the primary.
      address.pointAt(pair.standby.port);
      await pair.promote();
      const promotedMs = performance.now() - killedMs;
      await centres.more(1);
      const servesMs = performance.now() - killedMs;
      const deferred = centres.phones.reduce((sum, phone) => sum + phone.deferred, 0);
      const facts = { promotedMs: Math.round(promotedMs), servesMs: Math.round(servesMs), deferred };
      console.log(`death ${round}: ${JSON.stringify({ ...facts, acknowledged: acknowledged.length })}`);
      expect(await centres.missing(acknowledged)).toEqual([]);
      // The former primary is of no use as it is: it may hold what nobody else has.
      await pair.rebuildStandby();
      await pair.setSynchronous(true);
    }
    await centres.more(answersBetween);
    await centres.rest();
    for (const phone of centres.phones) while (phone.hasUnanswered) await phone.settle();
    expect(centres.phones.flatMap(({ wrong }) => wrong)).toEqual([]);
    expect(centres.server.hasEnded).toBe(false);
    expect(await answerOf(waiting)).toMatchObject({ kind: 'changes' });

    for (const user of users) {
      const client = new EasClient({ transport: centres.transport, user, password: 'demo', deviceId: 'replicafresh' });
      const { items } = await everything(client);
      const ours = items.filter(({ name }) => /^replica\d+n\d+$/.test(name)).sort(byName);
      const promised = centres.phones
        .filter((phone) => phone.user === user)
        .flatMap((phone) => phone.items)
        .filter(({ deleted }) => !deleted)
        .map(({ name, jobTitle, serverId, collection }) => ({ name, jobTitle, serverId, collection }))
        .sort(byName);
      expect(promised.length).toBeGreaterThan(answersBetween / 4);
      expect(ours).toEqual(promised);
    }

    await centres.server.stop();
    const verified = await lines((print) => runVerify(centres.env, [], print));
    expect([verified.code, verified.said.at(-1)]).toEqual([0, 'everything holds']);
    const rebuilt = await lines((print) => runRebuild(centres.env, ['--all', '--dry-run'], print));
    expect(rebuilt.code, rebuilt.said.join('\n')).toBe(0);
  });

  /** A Ping on a folder in which nothing happens before the first primary is dead. */
  async function park() {
    const client = new EasClient({
      transport: centres.transport,
      user: 'user1@demo.example',
      password: 'demo',
      deviceId: 'replicaping',
    });
    const writer = new KillPhone('user1@demo.example', 'replicasiv', new Random(3));
    writer.patienceMs = 25;
    writer.connect(centres.transport);
    await writer.setUp();
    const { folders } = await everything(client);
    const contacts = folders.find(({ type }) => type === 9)!.id;
    const answer = ping(client, { heartbeatSeconds: 600, folders: [{ id: contacts, class: 'Contacts' }] });
    answer.catch(() => {});
    return { client, contacts, writer, answer };
  }

  /** Survived, or was told to come again and then looked for itself. */
  async function answerOf({ client, contacts, writer, answer }: Awaited<ReturnType<typeof park>>): Promise<PingAnswer> {
    let isAnswered = false;
    const answered = answer
      .catch((error: unknown) => {
        if (!(error instanceof HttpError && error.status === 503)) throw error;
        return ping(client, { heartbeatSeconds: 600, folders: [{ id: contacts, class: 'Contacts' }] });
      })
      .finally(() => {
        isAnswered = true;
      });
    answered.catch(() => {});
    while (!isAnswered) await writer.step();
    return await answered;
  }
});

describe('an asynchronous standby', { timeout: 300_000 }, () => {
  beforeAll(async () => {
    await centres.transport.close();
    await centres.startServer();
    await centres.setUpPhones('behind', 11);
  }, 120_000);

  it('may lack the last of what phones were told; what it has holds, and phones go on from what they hold', async () => {
    const { pair, address } = centres;
    await pair.setSynchronous(false);
    pair.line.delayMs = distanceMs;
    centres.load();
    await centres.more(answersBetween * 2);
    await pair.primary.kill();
    pair.line.cut();
    const acknowledged = centres.acknowledged();
    // What this process knows is ahead of the log that is left.
    await centres.server.kill();
    await centres.rest();
    await pair.promote();
    address.pointAt(pair.primary.port);
    const lost = await centres.missing(acknowledged);
    console.log(`${lost.length} of ${acknowledged.length} acknowledged items are lost, ${distanceMs} ms away`);
    const restored = await lines((print) => runRestore(centres.env, ['--in-place'], print));
    expect(restored.code, restored.said.join('\n')).toBe(0);
    const verified = await lines((print) => runVerify(centres.env, [], print));
    expect(verified.code, verified.said.join('\n')).toBe(0);

    await centres.transport.close();
    await centres.startServer();
    for (const phone of centres.phones) {
      phone.connect(centres.transport);
      for (let steps = 0; steps < 5; steps++) await phone.step();
      expect(phone.wrong.filter((text) => text === 'Sync was answered with Status 3')).toEqual([]);
    }
  });
});

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}
