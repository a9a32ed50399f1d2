/** What every `Bulletin` promises, as a suite. */
import { firstValueFrom, ReplaySubject, take, timeout, toArray } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Bulletin, type BulletinMessage, maxBulletinBytes } from './bulletin.port.ts';

export interface BulletinsUnderTest {
  join(onError?: (error: unknown) => void): Promise<Bulletin>;
  /** Cuts the node off from the others, and lets it come back when the returned function is called. */
  cutOff(node: Bulletin): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** Everything heard from now on. */
function ear(bulletin: Bulletin) {
  const heard = new ReplaySubject<BulletinMessage>();
  bulletin.heard.subscribe(heard);
  return {
    next: (count: number) => firstValueFrom(heard.pipe(take(count), toArray(), timeout(10_000))),
  };
}

const nextGap = (bulletin: Bulletin) => firstValueFrom(bulletin.gaps.pipe(timeout(10_000)));

export function bulletinContract(name: string, make: () => Promise<BulletinsUnderTest>): void {
  describe(`${name} as a bulletin`, () => {
    let under: BulletinsUnderTest;
    let nodes: Bulletin[];
    beforeEach(async () => {
      under = await make();
      nodes = [];
    });
    afterEach(async () => {
      for (const node of nodes) await node.close();
      await under.close();
    });
    const join = async (onError?: (error: unknown) => void) => {
      const node = await under.join(onError);
      nodes.push(node);
      // Until they have met, the one who was alone tells nobody anything.
      if (nodes.length > 1)
        await vi.waitFor(() => expect(nodes.some((one) => one.isAlone())).toBe(false), { interval: 2 });
      return node;
    };

    it('tells all others, in order, and never the one who posted', async () => {
      const [a, b, c] = [await join(), await join(), await join()];
      const [atA, atB, atC] = [ear(a), ear(b), ear(c)];
      a.post('commits', 'one', 'one 1');
      a.post('nodes', 'one', 'Ålesund\n{"a": "b c"}');
      const both = [
        { topic: 'commits', text: 'one 1' },
        { topic: 'nodes', text: 'Ålesund\n{"a": "b c"}' },
      ];
      expect(await atB.next(2)).toEqual(both);
      expect(await atC.next(2)).toEqual(both);
      b.post('projected', '', '');
      expect(await atA.next(1)).toEqual([{ topic: 'projected', text: '' }]);
    });

    it('sends of each topic and key only the last that waits', async () => {
      const [a, b] = [await join(), await join()];
      const atB = ear(b);
      for (let head = 1; head <= 500; head++) {
        a.post('commits', 'one', `one ${head}`);
        a.post('commits', 'two', `two ${head}`);
        a.post('projected', 'one', `${head}`);
      }
      expect(await atB.next(3)).toEqual([
        { topic: 'commits', text: 'one 500' },
        { topic: 'commits', text: 'two 500' },
        { topic: 'projected', text: '500' },
      ]);
    });

    it('carries many at once', async () => {
      const [a, b] = [await join(), await join()];
      const atB = ear(b);
      for (let at = 0; at < 1_000; at++) a.post('commits', `tenant ${at}`, `tenant ${at}`);
      const texts = (await atB.next(1_000)).map(({ text }) => text);
      expect(texts).toEqual(Array.from({ length: 1_000 }, (_, at) => `tenant ${at}`));
    });

    it('carries the longest text, and reports one that cannot be sent without throwing', async () => {
      const errors: unknown[] = [];
      const b = await join();
      const a = await join((error) => errors.push(error));
      const atB = ear(b);
      const longest = 'å'.repeat(maxBulletinBytes / 2);
      a.post('commits', 'too long', `${longest}.`);
      a.post('commits', 'zero', 'a\0b');
      expect(errors).toHaveLength(2);
      a.post('commits', 'longest', longest);
      expect(await atB.next(1)).toEqual([{ topic: 'commits', text: longest }]);
      expect(errors).toHaveLength(2);
    });

    it('says to those who listen that another has come, who is then not alone either', async () => {
      const a = await join();
      const gap = nextGap(a);
      const b = await join();
      await gap;
      expect([a.isAlone(), b.isAlone()]).toEqual([false, false]);
    });

    it('says that something may have been missed once it is back, and sends what was posted meanwhile', async () => {
      const [a, b] = [await join(), await join()];
      const atA = ear(a);
      const comeBack = await under.cutOff(b);
      b.post('commits', 'one', 'one 1');
      b.post('commits', 'one', 'one 2');
      const gaps = Promise.all([nextGap(a), nextGap(b)]);
      await comeBack();
      await gaps;
      expect(await atA.next(1)).toEqual([{ topic: 'commits', text: 'one 2' }]);
      const atB = ear(b);
      a.post('commits', 'one', 'one 3');
      expect(await atB.next(1)).toEqual([{ topic: 'commits', text: 'one 3' }]);
    });

    it('sends what waits before it closes, and is silent afterwards', async () => {
      const [a, b] = [await join(), await join()];
      const atB = ear(b);
      a.post('commits', 'one', 'one 1');
      await a.close();
      expect(await atB.next(1)).toEqual([{ topic: 'commits', text: 'one 1' }]);
      a.post('commits', 'one', 'one 2');
      const c = await join();
      c.post('commits', 'one', 'one 3');
      expect(await atB.next(2)).toMatchObject([{}, { text: 'one 3' }]);
    });
  });
}
