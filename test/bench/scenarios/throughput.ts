import { AirSync, Contacts } from '../../../adapters/activesync/wbxml/code-pages/index.ts';
import { type SyncCommand, sync } from '../../eas-client/commands/sync.ts';
import { el } from '../../eas-client/elements.ts';
import type { Phone } from '../../eas-client/phone.ts';
import { contact } from '../items.ts';
import { measure, type Recorder } from '../measure.ts';
import { each, range } from '../stage.ts';
import { fleet } from './fleet.ts';
import type { Scenario } from './scenario.ts';

/** Phones that write: one Add a request, then one Change a request. */
const scenario = (name: string, office: boolean): Scenario => ({
  name,
  office,
  users: ({ quick }) => (quick ? 20 : 200),
  async *run(stage, { quick }) {
    const phones = await fleet(stage, quick ? 20 : 200, 'BUSY');
    const rounds = quick ? 5 : 25;
    const held = new Map<Phone, string[]>(phones.map((phone) => [phone, []]));
    // A device asks its next only when the last was answered, so each of them has one chain of requests.
    const write = (command: (phone: Phone, round: number) => SyncCommand, atATime: number) => ({
      run: async (recorder: Recorder) => {
        await each(phones, atATime, async (phone) => {
          for (const round of range(rounds)) {
            const one = command(phone, round);
            await recorder.time(async () => held.get(phone)!.push(...(await send(phone, one))));
          }
        });
        if (!office) return;
        // What was accepted is also written to the office: the cost ends when that is done.
        await each(phones, 4, (phone) => stage.admin('POST', `/admin/accounts/${phone.state.user}/writeback`));
        recorder.notes.push('with the write-back to the office and the simulated office itself');
      },
    });
    yield await measure(stage, {
      scenario: `one Add a request, 16 devices at a time`,
      unit: 'adds',
      aimCpuMs: office ? undefined : 1.5,
      ...write((phone, round) => ({ do: 'add', clientId: phone.nextClientId(), data: contact(round) }), 16),
    });
    yield await measure(stage, {
      scenario: `one Change a request, 16 devices at a time`,
      unit: 'changes',
      ...write((phone, round) => {
        const serverId = held.get(phone)![round - 1] ?? '';
        return { do: 'change', serverId, data: contact(round, 'nå') };
      }, 16),
    });
  },
});

export const throughput = scenario('throughput', false);
export const throughputOffice = scenario('throughput-office', true);

export async function send(phone: Phone, command: SyncCommand): Promise<string[]> {
  const [id = ''] = phone.folders('contact');
  const folder = phone.folder(id);
  const answer = await sync(phone.client, {
    collections: [{ id, key: folder.key, getChanges: true, windowSize: 100, commands: [command] }],
  });
  const collection = answer.collections[0];
  const bad = collection?.responses.find(({ status }) => status !== 1)?.status;
  if (collection?.status !== 1 || bad)
    throw new Error(`${command.do} was answered with Status ${bad ?? collection?.status ?? answer.status}`);
  folder.key = collection.key;
  return collection.responses.flatMap(({ serverId }) => serverId ?? []);
}

/** What every change below writes, for those that need a small one. */
export function smallContact(text: string) {
  return el(AirSync.ApplicationData, [el(Contacts.FileAs, text), el(Contacts.LastName, text)]);
}
