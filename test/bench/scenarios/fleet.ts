import type { Phone } from '../../eas-client/phone.ts';
import { each, range, type Stage } from '../stage.ts';

/** One set-up device for each of the people, all folders in sync and at rest. */
export async function fleet(stage: Stage, count: number, name: string): Promise<Phone[]> {
  const phones = range(count).map((number) => stage.phone(number, `${name}${number}`));
  await each(phones, 16, async (phone) => {
    await phone.setUp();
    await phone.sync();
    await phone.sync();
  });
  return phones;
}
