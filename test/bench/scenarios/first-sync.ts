import { sync } from '../../eas-client/commands/sync.ts';
import { contact } from '../items.ts';
import { measure } from '../measure.ts';
import { range } from '../stage.ts';
import type { Scenario } from './scenario.ts';

const batch = 200;

/** A device that comes to a full address book, with small windows and with the largest. */
export const firstSync: Scenario = {
  name: 'first-sync',
  office: false,
  users: () => 1,
  async *run(stage, { quick }) {
    const contacts = quick ? 400 : 5_000;
    const writer = stage.phone(1, 'WRITER');
    await writer.setUp();
    const [folder = ''] = writer.folders('contact');
    await writer.sync([folder]);
    yield await measure(stage, {
      scenario: `filling: ${contacts} contacts added, ${batch} a request`,
      unit: 'contacts',
      run: async (recorder) => {
        for (let first = 0; first < contacts; first += batch) {
          const commands = range(Math.min(batch, contacts - first)).map((number) => ({
            do: 'add' as const,
            clientId: writer.nextClientId(),
            data: contact(first + number),
          }));
          const news = await recorder.time(() => writer.send(folder, commands));
          const refused = news.responses.filter(({ status }) => status !== 1);
          if (refused.length > 0) throw new Error(`an Add was refused: Status ${refused[0]?.status}`);
        }
        recorder.count = contacts;
      },
    });
    for (const windowSize of [100, 512]) {
      yield await measure(stage, {
        scenario: `first Sync of ${contacts} contacts, window ${windowSize}`,
        unit: 'contacts',
        run: async (recorder) => {
          const devices = quick ? 1 : 3;
          let received = 0;
          let bytes = 0;
          let requests = 0;
          for (const number of range(devices)) {
            const { client } = stage.phone(1, `READER${windowSize}N${number}`);
            let key = '0';
            for (let more = true; more; ) {
              const isFirst = key === '0';
              const answer = await recorder.time(() =>
                sync(client, {
                  collections: [
                    isFirst
                      ? { id: folder, key }
                      : {
                          id: folder,
                          key,
                          getChanges: true,
                          windowSize,
                          options: { bodyType: 1, truncationSize: 32_768 },
                        },
                  ],
                }),
              );
              const collection = answer.collections[0];
              if (collection?.status !== 1)
                throw new Error(`Sync was answered with Status ${collection?.status ?? answer.status}`);
              key = collection.key;
              received += collection.commands.length;
              bytes += answer.bytes;
              requests++;
              more = isFirst || collection.moreAvailable;
            }
          }
          if (received !== devices * contacts)
            throw new Error(`${received} contacts came instead of ${devices * contacts}`);
          recorder.count = received;
          recorder.notes.push(
            `${devices} devices, ${requests} requests, ${Math.round(bytes / received)} bytes each contact`,
          );
        },
      });
    }
  },
};
