import { provision } from '../../eas-client/commands/provision.ts';
import { thisDevice } from '../../eas-client/phone.ts';
import { measure } from '../measure.ts';
import { each, range } from '../stage.ts';
import type { Scenario } from './scenario.ts';

/** A new device of a new person: OPTIONS, FolderSync, Settings, Provision twice, key 0 and the items of each folder. */
const scenario = (name: string, office: boolean, people: string): Scenario => ({
  name,
  office,
  users: ({ quick }) => (quick ? 20 : 200),
  async *run(stage, { quick }) {
    const count = quick ? 20 : 200;
    yield await measure(stage, {
      scenario: `account set-up (whole sequence of a new device), ${people}`,
      unit: 'set-ups',
      aimCpuMs: 60,
      run: async (recorder) => {
        let requests = 0;
        await each(range(count), 8, (number) =>
          recorder.time(async () => {
            const phone = stage.phone(number, `SETUP${number}`);
            await phone.setUp();
            await provision(phone.client, thisDevice);
            for (const id of phone.folders()) await phone.sync([id]);
            requests += 5 + 2 * phone.folders().length;
          }),
        );
        recorder.notes.push(`at least ${requests} requests`);
      },
    });
  },
});

export const setUp = scenario('set-up', false, 'each with a password of its own');
export const setUpDemo = scenario('set-up-demo', true, "the demo's people, who share a hash");
