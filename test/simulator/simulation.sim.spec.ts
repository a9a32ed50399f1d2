import { expect, it } from 'vitest';
import { freshDatabase } from '../postgres.ts';
import { World } from '../world/world.ts';
import { simulate } from './simulation.ts';

const seeds = Number(process.env.SIM_SEEDS ?? 200);
const first = Number(process.env.SIM_FIRST_SEED ?? 1);

it(`keeps every promise in ${seeds} seeded worlds`, { timeout: 600_000 }, async () => {
  const { pool } = await freshDatabase();
  const clock = { nowMs: Date.UTC(2026, 2, 1) };
  const world = await World.start({ pool, nowMs: () => clock.nowMs });
  for (let seed = first; seed < first + seeds; seed++) {
    clock.nowMs = Date.UTC(2026, 2, 1);
    const { wrong } = await simulate(world, clock, seed);
    expect(wrong, `seed ${seed}; repeat it with: npm run sim -- --seed ${seed}`).toEqual([]);
  }
  await world.stop();
});
