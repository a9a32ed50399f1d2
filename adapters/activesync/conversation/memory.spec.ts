import { describe, expect, it } from 'vitest';
import { ConversationMemory } from './memory.ts';
import type { Conversation } from './store.ts';

describe('a memory of conversations', () => {
  const conversation = (revision: number) => ({ head: { revision, hash: new Uint8Array() } }) as Conversation;

  it('reads again what was continued while it was read, and keeps what is newer', async () => {
    const memory = new ConversationMemory(10);
    const { promise: first, resolve: answer } = Promise.withResolvers<Conversation>();
    const reads = [first, Promise.resolve(conversation(2))];
    const loaded = memory.load('one', () => reads.shift() as Promise<Conversation>);
    memory.heard('one', 2);
    answer(conversation(1));
    expect((await loaded).head.revision).toBe(2);
    expect(reads).toEqual([]);
    memory.heard('one', 2);
    expect(memory.get('one')?.head.revision).toBe(2);
    memory.heard('one', 3);
    expect(memory.get('one')).toBeUndefined();
  });

  it('gives what somebody put there while it was read, unless that is older', async () => {
    const memory = new ConversationMemory(10);
    const { promise: slow, resolve: answer } = Promise.withResolvers<Conversation>();
    const loaded = memory.load('one', () => slow);
    memory.set('one', conversation(5));
    answer(conversation(4));
    expect((await loaded).head.revision).toBe(5);
    const { promise: next, resolve: answerNext } = Promise.withResolvers<Conversation>();
    const reads = [next, Promise.resolve(conversation(7))];
    const again = memory.load('two', () => reads.shift() as Promise<Conversation>);
    memory.clear();
    answerNext(conversation(6));
    expect((await again).head.revision).toBe(7);
  });
});
