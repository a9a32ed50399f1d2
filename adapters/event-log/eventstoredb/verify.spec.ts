/** What a proof says of a log in EventStoreDB with which somebody dealt by the store's own means. */
import { randomBytes, randomUUID } from 'node:crypto';
import { EventStoreDBClient } from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StreamName, TenantId } from '../../../domain/shared/ids.ts';
import { systemClock } from '../../clock.ts';
import { type Anchor, AnchorSeal } from '../anchors/anchor.ts';
import { Anchors } from '../anchors/anchors.ts';
import type { AnchorPlace } from '../anchors/port.ts';
import { anchorProof } from '../anchors/proof.ts';
import { walkedCensus } from '../census.ts';
import { chainHash } from '../chain.ts';
import { event, newTenant, write } from '../contract.ts';
import { emptyHead } from '../event-store.port.ts';
import { findingText } from '../finding.ts';
import type { EventLog } from '../port.ts';
import { verifyTenant } from '../verify.ts';
import { parseAddress } from './address.ts';
import { eventStoreLog } from './log.ts';
import { logNames } from './names.ts';

const url = process.env.EVENTSTORE_URL;
const prefix = `t${randomUUID().replaceAll('-', '').slice(0, 16)}`;
const names = logNames(prefix);
const open = (): Promise<EventLog> => eventStoreLog({ address: parseAddress(url!), prefix, isFollowing: false });

/** a0 b0 c0 … a5 b5 c5 d0, linked, and anchored at the end. */
async function written(): Promise<{ tenant: TenantId; places: AnchorPlace[]; seal: AnchorSeal }> {
  const log = await open();
  const tenant = newTenant();
  const last = new Map<string, Uint8Array>();
  const append = async (stream: string, revision: number): Promise<void> => {
    const one = event(`${stream}${revision}`);
    const hash = chainHash(last.get(stream) ?? emptyHead.hash, { ...one, tenant, stream, revision } as never);
    last.set(stream, hash);
    await log.append(tenant, [write(stream, revision - 1, { ...one, hash })]);
  };
  for (let revision = 0; revision < 6; revision++) for (const stream of ['a', 'b', 'c']) await append(stream, revision);
  await expect.poll(async () => isLinked(tenant)).toBe(true);
  // The next event says that the links of all before it are written: nobody reads for them any more.
  await append('d', 0);
  const seal = new AnchorSeal(randomBytes(32));
  const places = [anchorsInMemory()];
  const onError = (error: unknown) => expect.unreachable(String(error));
  const anchors = new Anchors({ log, seal, places, clock: systemClock, onError });
  await anchors.anchor(tenant);
  await anchors.stop(0);
  await log.close();
  return { tenant, places, seal };
}

function anchorsInMemory(): AnchorPlace {
  const all: Anchor[] = [];
  return {
    name: 'database',
    read: async () => all,
    readAfter: async () => undefined,
    append: async (anchors) => void all.push(...anchors),
    tenants: async () => [],
  };
}

let client: EventStoreDBClient;

async function isLinked(tenant: TenantId): Promise<boolean> {
  for (const stream of ['a', 'b', 'c']) {
    let links = 0;
    try {
      for await (const _ of client.readStream(names.stream(tenant, stream as StreamName))) links++;
    } catch {
      return false;
    }
    if (links < 6) return false;
  }
  return true;
}

async function found({ tenant, places, seal }: Awaited<ReturnType<typeof written>>): Promise<string[]> {
  const log = await open();
  const findings: string[] = [];
  const anchors = (one: TenantId) => anchorProof(one, { log, places, seal });
  const onFinding = (finding: Parameters<typeof findingText>[0]) => void findings.push(findingText(finding));
  await verifyTenant(tenant, { log, census: walkedCensus(log), anchors, onFinding, pageSize: 7 });
  await log.close();
  return findings;
}

const suite = url ? describe : describe.skip;
suite('a proof of a log in EventStoreDB (needs EVENTSTORE_URL)', () => {
  beforeAll(() => {
    client = EventStoreDBClient.connectionString(url as string);
  });
  afterAll(() => client.dispose());

  it('finds nothing where nobody touched it', async () => {
    expect(await found(await written())).toEqual([]);
  });

  it('names a stream whose links were deleted', async () => {
    const log = await written();
    await client.deleteStream(names.stream(log.tenant, 'b' as StreamName));
    expect(await found(log)).toEqual(['uncounted: stream b revision 5']);
  });

  it('names the events that a limit on the tenant’s stream hides', async () => {
    const log = await written();
    await client.setStreamMetadata(names.tenant(log.tenant), { truncateBefore: 2 });
    expect(await found(log)).toEqual([
      'missing: stream a revision 0',
      'missing: stream b revision 0',
      'missing: at position 1 to 2',
    ]);
  });

  it('names where a deleted log ended, by its anchors', async () => {
    const log = await written();
    await client.deleteStream(names.tenant(log.tenant));
    expect(await found(log)).toEqual(['cut off: at position 1 to 19']);
  });
});
