import { expect, it } from 'vitest';
import { freshDatabase } from '../postgres.ts';
import { simulate, weights } from './simulation.ts';

const seeds = Number(process.env.SIM_SEEDS ?? 200);
const first = Number(process.env.SIM_FIRST_SEED ?? 1);

it(`keeps every promise in ${seeds} seeded worlds`, { timeout: 600_000 }, async () => {
  const { pool } = await freshDatabase();
  const happened = new Map<string, number>();
  for (let seed = first; seed < first + seeds; seed++) {
    const { wrong, happened: here } = await simulate(pool, seed).catch((error: unknown) => {
      throw new Error(`seed ${seed} ended before its time`, { cause: error });
    });
    for (const [what, times] of here) happened.set(what, (happened.get(what) ?? 0) + times);
    expect(wrong, `seed ${seed}; repeat it with: npm run sim -- --seed ${seed}`).toEqual([]);
  }
  // A world in which something never happens promises nothing about it.
  if (seeds >= 100)
    for (const what of [...Object.keys(weights), 'decided', 'rolledBack', 'restored', 'undone', 'conflictsDecided'])
      expect(happened.get(what), what).toBeGreaterThan(0);
});
