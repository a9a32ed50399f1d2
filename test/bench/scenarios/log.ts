/** Every event log that can be reached, asked the same in turns; no server of ours is in between. */
import { keyRing } from '../../../adapters/crypto/key-ring.ts';
import { masterKey } from '../../../adapters/crypto/master-key.ts';
import { memoryKeyTable } from '../../../adapters/crypto/memory.ts';
import { createEventStore } from '../../../adapters/event-log/event-store.ts';
import { createKysely } from '../../../adapters/postgres/kysely.ts';
import { itemFacts } from '../../../api/engine.ts';
import { itemEvents } from '../../../domain/item/events.ts';
import type { Instant } from '../../../domain/shared/ids.ts';
import { eventRegistry } from '../../../domain/shared/upcast.ts';
import { itemView } from '../../../projections/item-view/project.ts';
import { rebuild } from '../../../projections/runner/rebuild.ts';
import { percentile } from '../figures.ts';
import { type Block, type Operation, operations } from '../logs/operations.ts';
import { measure, openSubjects, type Subject } from '../logs/subjects.ts';
import type { Beside, Result } from '../measure.ts';
import { fill } from './rebuild.ts';

/** On a slow machine fewer rounds have to do. */
const enoughMs = 120_000;
const settledWithinMs = 5_000;

interface Total {
  count: number;
  seconds: number;
  cpuMs: number;
  readonly samplesMs: number[];
}

export async function* logScenario({ quick }: { readonly quick: boolean }): AsyncGenerator<Result> {
  const rounds = quick ? 2 : 10;
  const rebuildEvents = quick ? 2_000 : 20_000;
  const subjects = await openSubjects(process.env);
  try {
    const all = operations({ calls: quick ? 10 : 40, events: quick ? 1_000 : 5_000 });
    const rebuilds = rebuilding(subjects.all, rebuildEvents);
    const totals = new Map<Operation, Map<Subject, Total>>();
    const pass = async (some: readonly Operation[]): Promise<void> => {
      for (const operation of some) {
        totals.set(operation, new Map());
        for (const subject of subjects.all) await operation.prepare?.(subject);
      }
      // The first block of each does not count: connections, plans and code are warm then.
      const begunMs = performance.now();
      for (let round = 0; round <= rounds; round++) {
        if (round > 1 && performance.now() - begunMs > enoughMs) break;
        for (const operation of some)
          if (operation !== rebuilds || round <= 1 || round === rounds / 2)
            await turn(operation, subjects.all, round, totals.get(operation)!);
      }
    };
    await pass([...all.filter(({ needsSecond }) => !needsSecond), rebuilds]);
    await pass(all.filter(({ needsSecond }) => needsSecond));
    for (const [operation, bySubject] of totals)
      yield resultOf(operation, bySubject, operation === all[0] ? subjects.notes : []);
  } finally {
    await subjects.close();
  }
}

/** Each in its turn, another one first each time. */
async function turn(
  operation: Operation,
  subjects: readonly Subject[],
  round: number,
  totals: Map<Subject, Total>,
): Promise<void> {
  for (const index of subjects.keys()) {
    const subject = subjects[(index + round) % subjects.length]!;
    const cpuBefore = process.cpuUsage();
    const begun = performance.now();
    const block = await operation.run(subject, round);
    const seconds = (performance.now() - begun) / 1_000;
    await stillness();
    const { user, system } = process.cpuUsage(cpuBefore);
    if (!block || round === 0) continue;
    const total = totals.get(subject) ?? { count: 0, seconds: 0, cpuMs: 0, samplesMs: [] };
    totals.set(subject, total);
    total.count += block.count;
    total.seconds += seconds;
    total.cpuMs += (user + system) / 1_000;
    total.samplesMs.push(...block.samplesMs);
  }
}

/** What a log does behind its answers counts as its CPU, and is no load on the one whose turn is next. */
async function stillness(): Promise<void> {
  const until = performance.now() + settledWithinMs;
  for (let still = 0; still < 2 && performance.now() < until; ) {
    const before = performance.eventLoopUtilization();
    await new Promise((resolve) => setTimeout(resolve, 25));
    still = performance.eventLoopUtilization(before).utilization < 0.1 ? still + 1 : 0;
  }
}

function resultOf(operation: Operation, totals: ReadonlyMap<Subject, Total>, notes: readonly string[]): Result {
  const reference = [...totals].find(([{ name }]) => name === measure)![1];
  const perSecondOf = ({ count, seconds }: Total): number => count / seconds;
  const inOrder = [...totals].sort(([one], [other]) => (one.name < other.name ? -1 : 1)).reverse();
  const beside = inOrder.map(([{ name }, total]): Beside => {
    const { samplesMs } = total;
    return {
      name,
      perSecond: perSecondOf(total),
      ratio: perSecondOf(total) / perSecondOf(reference),
      p50Ms: percentile(samplesMs, 0.5),
      p95Ms: percentile(samplesMs, 0.95),
      p99Ms: percentile(samplesMs, 0.99),
      cpuMsEach: total.cpuMs / total.count,
    };
  });
  const { count, seconds } = reference;
  return {
    scenario: `log: ${operation.name}`,
    ...{ count, unit: operation.unit, seconds, perSecond: count / seconds },
    ...{ beside, aims: [], notes },
  };
}

/** The same items in each log, sealed by the same keys, folded into tables that are all in PostgreSQL. */
function rebuilding(subjects: readonly Subject[], events: number): Operation {
  const partsOf = (subject: Subject) => {
    const keys = ring.get(subject)!;
    const events = eventRegistry(itemEvents);
    const store = createEventStore({
      log: subject.log,
      keys,
      clock: () => new Date().toISOString() as Instant,
      events,
    });
    const tenant = subject.tenant('items');
    // Only the tenant of items: those of the other operations hold nothing that can be opened.
    const only = { ...store, tenants: async () => (await store.tenants()).filter((one) => one.tenant === tenant) };
    return { store: only, keys, tenant };
  };
  const ring = new Map(
    subjects.map((subject) => {
      const master = masterKey(new Uint8Array(32).fill(7));
      return [subject, keyRing({ maxCached: 200_000, table: memoryKeyTable(), master })];
    }),
  );
  return {
    name: 'the item view made anew',
    unit: 'events',
    prepare: async (subject) => {
      const { store, tenant } = partsOf(subject);
      await fill(store, events, tenant);
    },
    async run(subject): Promise<Block> {
      const { store, keys } = partsOf(subject);
      const begun = performance.now();
      await rebuild({ db: createKysely(subject.views), store, projection: itemView(keys, itemFacts) });
      return { count: events, samplesMs: [performance.now() - begun] };
    },
  };
}
