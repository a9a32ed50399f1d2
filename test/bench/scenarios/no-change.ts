import { sync } from '../../eas-client/commands/sync.ts';
import { measure } from '../measure.ts';
import { each, range } from '../stage.ts';
import { fleet } from './fleet.ts';
import type { Scenario } from './scenario.ts';

/** What phones do most: ask for three folders and hear that nothing changed. */
export const noChange: Scenario = {
  name: 'no-change',
  office: false,
  users: ({ quick }) => (quick ? 20 : 200),
  async *run(stage, { quick }) {
    const phones = await fleet(stage, quick ? 20 : 200, 'IDLE');
    const rounds = quick ? 10 : 50;
    const ask = async (phone: (typeof phones)[number]): Promise<void> => {
      const ids = (['contact', 'appointment', 'task'] as const).flatMap((kind) => phone.folders(kind).slice(0, 1));
      const answer = await sync(phone.client, {
        collections: ids.map((id) => ({
          id,
          key: phone.folder(id).key,
          getChanges: true,
          windowSize: 100,
          options: { bodyType: 1, truncationSize: 200_000 },
        })),
      });
      const isStill =
        answer.isEmpty || answer.collections.every(({ status, commands }) => status === 1 && commands.length === 0);
      if (!isStill)
        throw new Error(
          `a Sync without changes was answered with Status ${answer.status ?? answer.collections[0]?.status}`,
        );
      for (const { id, key } of answer.collections) phone.folder(id).key = key;
    };
    // The first round warms caches that a running server has warm.
    await each(phones, 16, ask);
    yield await measure(stage, {
      scenario: `no-change Sync of three folders by ${phones.length} devices`,
      aimCpuMs: 0.8,
      aimRows: 0,
      run: async (recorder) => {
        await each(
          range(rounds).flatMap(() => phones),
          16,
          (phone) => recorder.time(() => ask(phone)),
        );
      },
    });
  },
};
