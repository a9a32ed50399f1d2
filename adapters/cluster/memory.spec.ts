import { expect, it } from 'vitest';
import { bulletinContract } from './contract.ts';
import { type MemoryBulletin, memoryBulletins } from './memory.ts';

bulletinContract('memory', async () => {
  const hub = memoryBulletins();
  return {
    join: async (onError) => hub.join(onError ? { onError } : {}),
    cutOff: async (node) => {
      const comeBack = (node as MemoryBulletin).cutOff();
      return async () => comeBack();
    },
    close: async () => {},
  };
});

it('is alone until a second one joins', async () => {
  const hub = memoryBulletins();
  const a = hub.join();
  expect(a.isAlone()).toBe(true);
  const b = hub.join();
  expect(a.isAlone()).toBe(false);
  await b.close();
  expect(a.isAlone()).toBe(true);
});
