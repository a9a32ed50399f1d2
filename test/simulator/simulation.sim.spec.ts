import { expect, it } from 'vitest';
import { freshDatabase } from '../postgres.ts';
import { simulate } from './simulation.ts';

const seeds = Number(process.env.SIM_SEEDS ?? 200);
const first = Number(process.env.SIM_FIRST_SEED ?? 1);

it(`keeps every promise in ${seeds} seeded worlds`, { timeout: 600_000 }, async () => {
  const { pool } = await freshDatabase();
  for (let seed = first; seed < first + seeds; seed++) {
    const { wrong } = await simulate(pool, seed);
    expect(wrong, `seed ${seed}; repeat it with: npm run sim -- --seed ${seed}`).toEqual([]);
  }
});
