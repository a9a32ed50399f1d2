/**
 * A phone whose person says "keep" when the account is set up: what it holds it brings to the server, a few items at a
 * time, and again when the answer does not come.
 */
import type { Element } from '../../adapters/activesync/wbxml/element.ts';
import type { Random } from '../simulator/random.ts';
import type { Phone, PhoneCommand } from '../world/phone.ts';

export interface Manner {
  readonly name: string;
  /** Takes all of the server before it brings anything; or brings all before it takes anything; or both at once. */
  readonly order: 'upload' | 'download' | 'mixed';
  readonly batch: number;
  readonly windowSize: number;
  /** How often an answer is lost. */
  readonly lost: number;
  /** After a lost answer everything is numbered anew. */
  readonly renumbers?: boolean;
}

export async function setUp(
  phone: Phone,
  collection: string,
  brought: readonly Element[],
  manner: Manner,
  random: Random,
): Promise<void> {
  const { order, batch, windowSize, lost, renumbers } = manner;
  const first = await phone.sync(collection, { key: '0' });
  phone.folder(collection).key = first.key;
  if (order === 'download') await phone.pull(collection, { windowSize });
  for (let at = 0; at < brought.length; at += batch) {
    const numbered = (): PhoneCommand[] =>
      brought.slice(at, at + batch).map((data) => ({ do: 'add', clientId: phone.nextClientId(), data }));
    let commands = numbered();
    const options = { windowSize, getChanges: order !== 'upload' };
    while (random.chance(lost)) {
      await phone.sync(collection, { ...options, commands, lose: true });
      if (renumbers) commands = numbered();
    }
    const answer = await phone.sync(collection, { ...options, commands });
    if (answer.status !== 1) throw new Error(`Sync answered Status ${answer.status}`);
    const refused = answer.responses.filter(({ status }) => status !== 1);
    if (refused.length > 0) throw new Error(`${refused.length} Adds were refused`);
  }
  await phone.pull(collection, { windowSize });
}
