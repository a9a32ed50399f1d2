import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvents, eventRegistry, UnknownEvent } from './upcast.ts';

const schema = z.object({ n: z.number() });
const plusOne = ({ n }: { n: number }) => ({ n: n + 1 });
const timesTen = ({ n }: { n: number }) => ({ n: n * 10 });
const registry = eventRegistry(defineEvents({ Counted: { version: 3, schema, upcasters: [plusOne, timesTen] } }));

describe('upcasting', () => {
  it.each([
    [1, 20],
    [2, 10],
    [3, 1],
  ])('takes the steps from version %i on, in order', (version, n) => {
    expect(registry.upcast('Counted', version, { n: 1 })).toEqual({ n });
  });

  it.each([
    ['Counted', 4],
    ['Counted', 0],
    ['Counted', 1.5],
    ['Uncounted', 1],
    ['toString', 1],
  ])('refuses %s of version %d by name', (type, version) => {
    expect(() => registry.upcast(type, version, {})).toThrow(UnknownEvent);
  });

  it('refuses a definition that lacks a step, and a type defined twice', () => {
    expect(() => defineEvents({ Counted: { version: 2, schema, upcasters: [] } })).toThrow('Counted');
    const twice = defineEvents({ Counted: { version: 1, schema, upcasters: [] } });
    expect(() => eventRegistry(twice, twice)).toThrow('Counted');
  });
});
