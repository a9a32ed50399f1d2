import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventId, StreamName, TenantId } from '../../../domain/shared/ids.ts';
import { event, stream, write } from '../contract.ts';
import { memoryEventLog } from '../memory.ts';
import { type AppendOutcome, AppendRejected, type EventLog, type StoredEvent, type StreamWrite } from '../port.ts';
import { type Decided, type Decision, decide, type Known } from './decide.ts';

const tenant = 'tenant.example' as TenantId;

/** What is known when these events are stored. */
function knownOf(stored: readonly StoredEvent[]): Known {
  return {
    head: stored.length,
    ends: new Map(stored.map((one) => [one.stream, one.revision])),
    places: new Map(stored.map((one) => [one.id, one])),
  };
}

const decideOn = (stored: readonly StoredEvent[], ...calls: StreamWrite[][]): Decided =>
  decide(tenant, calls, knownOf(stored));
const kinds = ({ decisions }: Decided) => decisions.map(({ kind }) => kind);

describe('calls that go to the store together', () => {
  it('continue what the calls before them store', () => {
    const decided = decideOn([], [write('s', -1, event('a'))], [write('s', 0, event('b')), write('t', -1, event('c'))]);
    expect(kinds(decided)).toEqual(['appended', 'appended']);
    expect(decided.events.map(({ stream, revision, position }) => [stream, revision, position])).toEqual([
      ['s', 0, 1],
      ['s', 1, 2],
      ['t', 0, 3],
    ]);
  });

  it('are each all or nothing: one that conflicts leaves nothing for those after it', () => {
    const decided = decideOn([], [write('s', -1, event('a')), write('t', 4, event('b'))], [write('s', -1, event('c'))]);
    expect(decided.decisions[0]).toEqual({ kind: 'conflict', index: 1, stream: 't', after: 4 });
    expect(kinds(decided)).toEqual(['conflict', 'appended']);
    expect(decided.events).toHaveLength(1);
  });

  it('that are the same are stored once, and the later ones are told that', () => {
    const same = [write('s', -1, event('a'))];
    const decided = decideOn([], same, same, same);
    expect(decided.decisions.flatMap((one) => (one.kind === 'appended' ? one.commits : []))).toEqual(
      [false, true, true].map((repeated) => ({ stream: 's', revision: 0, position: 1, repeated })),
    );
    expect(decided.events).toHaveLength(1);
  });
});

describe('any calls, in any groups,', () => {
  const ids = Array.from({ length: 6 }, (_, n) => `00000000-0000-4000-8000-00000000000${n}`);
  const anyWrite = fc
    .record({
      name: fc.constantFrom('s', 't'),
      expected: fc.integer({ min: -1, max: 3 }),
      which: fc.uniqueArray(fc.constantFrom(...ids), { minLength: 1, maxLength: 2 }),
    })
    .map(({ name, expected, which }) => write(name, expected, ...which.map((id) => event(id, id))));
  const anyCall = fc.array(anyWrite, { minLength: 1, maxLength: 3 }).filter((writes) => {
    const all = writes.flatMap((one) => one.events.map(({ id }) => id));
    return new Set(all).size === all.length;
  });

  it('end as the log in memory ends them one after another', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(anyCall, { minLength: 1, maxLength: 5 }), { maxLength: 4 }),
        async (groups) => {
          const model = memoryEventLog();
          const stored: StoredEvent[] = [];
          for (const calls of groups) {
            const { decisions, events } = decide(tenant, calls, knownOf(stored));
            stored.push(...events);
            for (const [index, writes] of calls.entries())
              expect(shapeOf(decisions[index]!)).toEqual(shapeOf(await inMemory(model, writes)));
          }
          expect(stored).toEqual(await model.readAll(tenant, 0 as never, 1_000));
        },
      ),
    );
  });

  const inMemory = (model: EventLog, writes: readonly StreamWrite[]) =>
    model.append(tenant, writes).catch((error: unknown) => {
      expect(error).toBeInstanceOf(AppendRejected);
      return { kind: 'rejected' } as const;
    });
  const shapeOf = (outcome: Decision | AppendOutcome | { readonly kind: 'rejected' }) => {
    if (outcome.kind === 'appended') return outcome;
    return outcome.kind === 'conflict' ? { kind: 'conflict', index: outcome.index } : { kind: 'rejected' };
  };
});

describe('an id', () => {
  it.each([
    ['in part', [write('s', 0, event('a', 'known'), event('b'))]],
    ['in another stream', [write('t', -1, event('a', 'known'))]],
  ])('that is stored %s is rejected', (_, writes) => {
    const stored = [
      { ...event('a', 'known'), tenant, stream: stream('s'), revision: 0, position: 1 } as unknown as StoredEvent,
    ];
    expect(kinds(decideOn(stored, writes))).toEqual(['rejected']);
    expect(stored[0]!.id).toBe('known' as EventId);
    expect(stored[0]!.stream).toBe('s' as StreamName);
  });
});
