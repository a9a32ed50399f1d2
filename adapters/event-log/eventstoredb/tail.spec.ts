import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Position, Revision, TenantId } from '../../../domain/shared/ids.ts';
import { event, stream } from '../contract.ts';
import type { StoredEvent } from '../port.ts';
import { Announcer } from './announcer.ts';
import { mergeStream } from './merge.ts';
import { Tail } from './tail.ts';

const tenant = 'tenant.example' as TenantId;
const at = (position: number, name = 's', revision = position - 1): StoredEvent => {
  return {
    ...{ ...event(`${position}`), tenant, stream: stream(name) },
    ...{ position: position as Position, revision: revision as Revision },
  };
};
const upTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => at(from + n));
const positions = (events: readonly StoredEvent[]) => events.map(({ position }) => position);

describe('the tail of a log', () => {
  it('is continued without gaps only, and each event once', () => {
    const tail = new Tail(10);
    expect(positions(tail.add([at(12)], 0))).toEqual([]);
    expect(positions(tail.add(upTo(11, 13), 0))).toEqual([11, 12, 13]);
    expect(positions(tail.add(upTo(12, 15), 0))).toEqual([14, 15]);
    expect(tail.head).toBe(15);
  });

  it('counts as linked what has no gap of links before it', () => {
    const tail = new Tail(0);
    tail.add(upTo(1, 5), 0);
    const [first, ...others] = tail.waiting();
    tail.linkWritten(others);
    expect([tail.linked, tail.unlinked]).toEqual([0, 5]);
    tail.linkWritten([first!]);
    expect([tail.linked, tail.unlinked]).toEqual([5, 0]);
  });

  it('believes another node that says how far links are written, and no further than it knows events', () => {
    const tail = new Tail(0);
    tail.add(upTo(1, 5), 0);
    tail.linkedUpTo(3);
    tail.linkedUpTo(2);
    expect(tail.linked).toBe(3);
    expect(tail.waiting().map(({ event }) => event.position)).toEqual([4, 5]);
    tail.linkedUpTo(9);
    expect(tail.linked).toBe(5);
  });

  it('links at once what turns out to be its own', () => {
    const tail = new Tail(0);
    tail.add([at(1)], 5_000);
    tail.add([at(1), at(2)], 0);
    expect(tail.waiting().map(({ dueAtMs }) => dueAtMs)).toEqual([0, 0]);
  });

  it('keeps all that waits for links, and little of what does not', () => {
    const tail = new Tail(0);
    for (let head = 0; head < 10_000; head += 100) {
      tail.add(upTo(head + 1, head + 100), 0);
      expect(tail.after(tail.linked)).toHaveLength(tail.unlinked);
      if (head % 300 === 0) tail.linkWritten(tail.waiting());
      expect(tail.after(0).length - tail.unlinked).toBeLessThanOrEqual(900);
    }
  });
});

describe('a stream of links and latest events', () => {
  it('is whole whatever part of it each of them holds, as long as together they hold it', () => {
    fc.assert(
      fc.property(
        fc.nat(30),
        fc.nat(30),
        fc.nat(30),
        fc.nat(30),
        fc.option(fc.nat(30), { nil: undefined }),
        (length, linkedEnd, latestFrom, from, limit) => {
          const whole = upTo(1, length);
          const linked = whole.slice(0, linkedEnd).slice(from).slice(0, limit);
          const latest = whole.slice(Math.min(latestFrom, linkedEnd));
          expect(mergeStream(linked, latest, from, limit)).toEqual(
            whole.slice(from, limit === undefined ? undefined : from + limit),
          );
        },
      ),
    );
  });

  it('is not made up where links are missing between', () => {
    expect(mergeStream(upTo(1, 3), upTo(6, 7), 0)).toBeUndefined();
    expect(mergeStream([at(1), at(3)], [], 0)).toBeUndefined();
    expect(positions(mergeStream(upTo(1, 3), upTo(6, 7), 0, 3)!)).toEqual([1, 2, 3]);
  });
});

describe('commits', () => {
  it('are told once, in order, and whole or not at all, whoever hears of them in whatever pieces', () => {
    const piece = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 5 }));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const announcer = new Announcer();
        const told: number[] = [];
        let isWhole = true;
        let first: number | undefined;
        announcer.notices.subscribe(({ head, events }) => {
          if (told.length > 0 || first !== undefined) expect(head).toBeGreaterThan(told.at(-1) ?? 0);
          first ??= events?.[0]?.position;
          if (!events) isWhole = false;
          else expect(events.at(-1)!.position).toBe(head);
          told.push(...(events ? positions(events) : [head]));
        });
        for (const [from, more] of pieces) announcer.tell(tenant, upTo(from, from + more));
        expect(told).toEqual([...new Set(told)].sort((a, b) => a - b));
        if (isWhole && told.length > 0) expect(told).toEqual(positions(upTo(told[0]!, told.at(-1)!)));
      }),
    );
  });
});
