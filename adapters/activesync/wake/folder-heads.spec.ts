import { Subject } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CollectionId, Position, TenantId } from '../../../domain/shared/ids.ts';
import type { ItemViewReader } from '../../../projections/item-view/read.ts';
import type { Projected, ProjectionRunner } from '../../../projections/runner/runner.ts';
import { FolderHeads } from './folder-heads.ts';

const tenant = 'demo.example' as TenantId;
const other = 'demo.example2' as TenantId;
const contacts = 'contacts' as CollectionId;

/** Look-ups that are answered when the test says so. */
class SlowView {
  readonly asked: { collection: string; answer: (position: number) => void; fail: (error: Error) => void }[] = [];
  lastChange(_: TenantId, collection: CollectionId): Promise<Position> {
    return new Promise((resolve, reject) => {
      this.asked.push({ collection, answer: (position) => resolve(position as Position), fail: reject });
    });
  }
}

let projected: Subject<Projected>;
let view: SlowView;
let heads: FolderHeads;

beforeEach(() => {
  projected = new Subject<Projected>();
  view = new SlowView();
  heads = new FolderHeads({ projected } as unknown as ProjectionRunner, view as unknown as ItemViewReader, 3);
});
afterEach(() => heads.close());

const touch = (position: number, collection: string = contacts, ofTenant = tenant) =>
  projected.next({
    tenant: ofTenant,
    position: position as Position,
    touched: new Map([[collection, [position as Position]]]),
    events: [],
    isByOther: false,
  });
const byOther = (position: number, ofTenant = tenant) =>
  projected.next({ tenant: ofTenant, position: position as Position, touched: new Map(), events: [], isByOther: true });
const asked = (at: number) => view.asked[at] as SlowView['asked'][number];

describe('the head of a folder', () => {
  it('is looked up once, by however many, and then known', async () => {
    const both = Promise.all([heads.head(tenant, contacts), heads.head(tenant, contacts)]);
    expect(heads.peek(tenant, contacts)).toBeUndefined();
    asked(0).answer(7);
    expect(await both).toEqual([7, 7]);
    expect(heads.peek(tenant, contacts)).toBe(7);
    expect(view.asked).toHaveLength(1);
  });

  it('does not miss a change that comes during the first look-up', async () => {
    const head = heads.head(tenant, contacts);
    touch(8);
    asked(0).answer(7);
    expect(await head).toBe(8);
    expect(heads.peek(tenant, contacts)).toBe(8);
  });

  it('moves with the folder and with no other, nor with another tenant’s', async () => {
    const head = heads.head(tenant, contacts);
    asked(0).answer(7);
    await head;
    touch(9, 'calendar');
    touch(9, contacts, other);
    expect(heads.peek(tenant, contacts)).toBe(7);
    touch(10);
    expect(heads.peek(tenant, contacts)).toBe(10);
  });

  it('that could not be looked up is looked up again', async () => {
    const head = heads.head(tenant, contacts);
    asked(0).fail(new Error('the database is away'));
    await expect(head).rejects.toThrow('away');
    const again = heads.head(tenant, contacts);
    asked(1).answer(4);
    expect(await again).toBe(4);
  });

  it('that was pushed out of memory is looked up again, whatever moved meanwhile', async () => {
    for (const [at, name] of ['a', 'b', 'c', 'd'].entries()) {
      const head = heads.head(tenant, name as CollectionId);
      asked(at).answer(1);
      await head;
    }
    expect(heads.peek(tenant, 'a' as CollectionId)).toBeUndefined();
    touch(5, 'a');
    expect(heads.peek(tenant, 'a' as CollectionId)).toBeUndefined();
    const again = heads.head(tenant, 'a' as CollectionId);
    asked(4).answer(5);
    expect(await again).toBe(5);
  });

  it('is looked up anew when another process wrote the rows', async () => {
    const first = heads.head(tenant, contacts);
    asked(0).answer(7);
    await first;
    byOther(9, other);
    expect(heads.peek(tenant, contacts)).toBe(7);
    byOther(9);
    expect(heads.peek(tenant, contacts)).toBeUndefined();
    const again = heads.head(tenant, contacts);
    // And once more when that happens while the view is asked.
    byOther(12);
    asked(1).answer(9);
    await vi.waitFor(() => expect(view.asked).toHaveLength(3));
    asked(2).answer(12);
    expect(await again).toBe(12);
  });
});

describe('who waits for folders', () => {
  it('is woken by any of them, until it leaves', () => {
    const wake = vi.fn();
    const leave = heads.park(tenant, [contacts, 'calendar'], wake);
    expect(heads.parked).toBe(1);
    touch(1);
    touch(2, 'calendar');
    touch(3, 'tasks');
    touch(4, contacts, other);
    expect(wake).toHaveBeenCalledTimes(2);
    leave();
    leave();
    touch(5);
    expect(wake).toHaveBeenCalledTimes(2);
    expect(heads.parked).toBe(0);
  });

  it('does not keep others from being woken when it leaves on being woken', () => {
    const woken: string[] = [];
    const leaveA = heads.park(tenant, [contacts], () => {
      woken.push('a');
      leaveA();
    });
    const leaveB = heads.park(tenant, [contacts], () => {
      woken.push('b');
      leaveB();
    });
    touch(1);
    touch(2);
    expect(woken).toEqual(['a', 'b']);
    expect(heads.parked).toBe(0);
  });

  it.each([1, 2, 3])('is woken when %i wait for the same folder, whoever left before', (count) => {
    const wakes = Array.from({ length: count }, () => vi.fn());
    const leaves = wakes.map((wake) => heads.park(tenant, [contacts, contacts], wake));
    for (const [at, leave] of leaves.entries()) {
      touch(at + 1);
      expect(wakes.map((wake) => wake.mock.calls.length)).toEqual(wakes.map((_, place) => Math.min(place, at) + 1));
      leave();
    }
    touch(count + 1);
    expect(wakes.map((wake) => wake.mock.calls.length)).toEqual(wakes.map((_, place) => place + 1));
  });

  it('is woken when another process wrote, since that may be its folder', () => {
    const [wake, notThis] = [vi.fn(), vi.fn()];
    heads.park(tenant, [contacts], wake);
    heads.park(other, [contacts], notThis);
    byOther(3);
    expect(wake).toHaveBeenCalledTimes(1);
    expect(notThis).not.toHaveBeenCalled();
  });

  it('leaves nothing behind, also one of many on the same folders', () => {
    const leaves = Array.from({ length: 1_000 }, (_, at) =>
      heads.park(tenant, [contacts, `folder${at % 7}`], () => {}),
    );
    const stays = vi.fn();
    heads.park(tenant, ['folder3'], stays);
    for (const leave of leaves) leave();
    expect(heads.parked).toBe(1);
    touch(1, 'folder3');
    expect(stays).toHaveBeenCalledTimes(1);
  });

  it('hears nothing after the end', () => {
    const wake = vi.fn();
    heads.park(tenant, [contacts], wake);
    heads.close();
    touch(1);
    expect(wake).not.toHaveBeenCalled();
    expect(projected.observed).toBe(false);
  });
});
