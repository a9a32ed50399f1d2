import { describe, expect, it } from 'vitest';
import { virtualClock } from './clock.ts';

describe('a virtual clock', () => {
  it('calls what falls due in order, each at its own time, also what is set on the way', () => {
    const clock = virtualClock(0);
    const calls: [string, number][] = [];
    const note = (name: string) => () => calls.push([name, clock.nowMs()]);
    clock.after(20, note('second'));
    clock.after(10, () => {
      note('first')();
      clock.after(5, note('between'));
    });
    const cancel = clock.after(15, note('never'));
    cancel();
    clock.advance(30);
    expect(calls).toEqual([
      ['first', 10],
      ['between', 15],
      ['second', 20],
    ]);
    expect(clock.instant()).toBe('1970-01-01T00:00:00.030Z');
  });
});
