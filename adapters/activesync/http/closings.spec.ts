import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Closings } from './closings.ts';

const answer = () => new EventEmitter() as ServerResponse;

let closings: Closings;
beforeEach(() => {
  closings = new Closings();
});

describe('a request that waits', () => {
  it('ends when its own client hangs up, and is forgotten', () => {
    const [gone, stays] = [answer(), answer()];
    const [end, notThis] = [vi.fn(), vi.fn()];
    closings.on(gone, end);
    closings.on(stays, notThis);
    gone.emit('close');
    expect(end).toHaveBeenCalledTimes(1);
    expect(notThis).not.toHaveBeenCalled();
    expect(closings.waiting).toBe(1);
  });

  it('is known by its last wait only, with one listener however often it waits', () => {
    const response = answer();
    const [first, last] = [vi.fn(), vi.fn()];
    for (let wait = 0; wait < 100; wait++) closings.on(response, first);
    closings.on(response, last);
    expect(response.listenerCount('close')).toBe(1);
    response.emit('close');
    expect(first).not.toHaveBeenCalled();
    expect(last).toHaveBeenCalledTimes(1);
  });

  it('ends when all are ended, and at once when they begin to wait after the stop', () => {
    const [before, after] = [vi.fn(), vi.fn()];
    closings.on(answer(), before);
    closings.stop();
    closings.on(answer(), after);
    expect(before).toHaveBeenCalledTimes(1);
    expect(after).toHaveBeenCalledTimes(1);
  });

  it('ends at once when its client is gone already', () => {
    const end = vi.fn();
    closings.on(Object.assign(answer(), { destroyed: true }), end);
    expect(end).toHaveBeenCalledTimes(1);
    expect(closings.waiting).toBe(0);
  });
});
