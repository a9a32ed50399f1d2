import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { SubjectId, TenantId } from '../../domain/shared/ids.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { type LogCensus, type StreamEnd, walkedCensus } from './census.ts';
import { chainHash } from './chain.ts';
import { event, newTenant, write } from './contract.ts';
import { emptyHead } from './event-store.port.ts';
import type { Finding } from './finding.ts';
import { memoryEventLog } from './memory.ts';
import { LogDamaged } from './port.ts';
import { postgresCensus } from './postgres/census.ts';
import { postgresEventLog } from './postgres/log.ts';
import { joinPayload } from './sealed.ts';
import { verifyTenant } from './verify.ts';

const database = await freshDatabase();
const subjects = ['item-æ', 'kari', 'k', 'x'.repeat(300)] as SubjectId[];

async function endsOf(census: LogCensus, tenant: TenantId, walked: readonly StreamEnd[]): Promise<StreamEnd[]> {
  const ends: StreamEnd[] = [];
  for await (const end of census.streamEnds(tenant, walked)) ends.push(end);
  return ends.sort((one, other) => (one.stream < other.stream ? -1 : 1));
}

it('says the same by SQL and through the port alone', async () => {
  const log = postgresEventLog({ pool: database.pool });
  const [fast, walked] = [postgresCensus(database.pool), walkedCensus(log)];
  const events = fc.array(fc.record({ stream: fc.constantFrom('a', 'b', 'c'), by: fc.constantFrom(...subjects) }), {
    maxLength: 30,
  });
  await fc.assert(
    fc.asyncProperty(events, fc.subarray(subjects), async (all, asked) => {
      const tenant = newTenant();
      const last = new Map<string, number>();
      for (const { stream, by } of all) {
        const revision = (last.get(stream) ?? -1) + 1;
        last.set(stream, revision);
        const payload = joinPayload(by, Buffer.from('sealed'));
        await log.append(tenant, [write(stream, revision - 1, { ...event(''), payload })]);
      }
      const counts = new Map<string, number>();
      for (const { stream, by } of all) if (asked.includes(by)) counts.set(stream, (counts.get(stream) ?? 0) + 1);
      const ends = [...last].sort().map(([stream, revision]) => ({ stream, revision }) as StreamEnd);
      for (const census of [fast, walked]) {
        expect(new Map([...(await census.sealedBy(tenant, asked))].sort())).toEqual(new Map([...counts].sort()));
        expect(await endsOf(census, tenant, ends)).toEqual(ends);
      }
    }),
    { numRuns: 30 },
  );
});

it('through the port: a stream that is read shorter than the log, or not at all, is found by a proof', async () => {
  const log = memoryEventLog();
  const tenant = newTenant();
  for (const stream of ['whole', 'short', 'gone', 'broken'])
    for (let revision = 0, before = emptyHead.hash; revision < 3; revision++) {
      const one = event(`${stream}${revision}`);
      before = chainHash(before, { ...one, tenant, stream, revision } as never);
      await log.append(tenant, [write(stream, revision - 1, { ...one, hash: before })]);
    }
  // An index of streams that lost what it had of three of them.
  const census = walkedCensus({
    readAll: log.readAll,
    readStream: async (of, stream, { from = 0 } = {}) => {
      if ((stream as string) === 'broken') throw new LogDamaged('a link leads nowhere');
      return (await log.readStream(of, stream)).slice(0, { short: 2, gone: 0 }[stream as string]).slice(from);
    },
  });
  const findings: Finding[] = [];
  await verifyTenant(tenant, { log, census, onFinding: (finding) => findings.push(finding) });
  expect(findings).toEqual([
    { kind: 'uncounted', tenant, stream: 'short', revision: 2 },
    { kind: 'uncounted', tenant, stream: 'gone', revision: 2 },
    { kind: 'uncounted', tenant, stream: 'broken', revision: 2 },
  ]);
  expect(
    await verifyTenant(tenant, { log, census: walkedCensus(log), onFinding: ({ kind }) => expect.unreachable(kind) }),
  ).toMatchObject({
    findings: 0,
  });
});
