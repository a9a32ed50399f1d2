import { Transport } from '../../eas-client/transport.ts';
import { measure } from '../measure.ts';
import { each, range, type Stage } from '../stage.ts';
import type { Scenario } from './scenario.ts';

/** The office's records of one person: all new, ten changed, none changed. */
export const crawl: Scenario = {
  name: 'crawl',
  office: true,
  users: () => 2,
  async *run(stage, { quick }) {
    const records = quick ? 200 : 5_000;
    const user = stage.user(2);
    const office = new Transport({ url: await officeUrl(stage), connections: 16 });
    try {
      const send = async (method: 'POST' | 'PATCH', path: string, body: object): Promise<string> => {
        const headers = { 'content-type': 'application/json' };
        const answer = await office.send({ method, path, headers, body: JSON.stringify(body), timeoutMs: 30_000 });
        if (answer.status >= 300) throw new Error(`${method} ${path}: HTTP ${answer.status} ${answer.body}`);
        return (JSON.parse(answer.body.toString()) as { id: string }).id;
      };
      const ids: string[] = [];
      await each(range(records), 16, async (number) => {
        const body = {
          firstName: `Astrid ${number}`,
          lastName: 'Bråthen',
          email: `astrid.${number}@fjord.example`,
          mobile: `+47 900 ${String(number).padStart(5, '0')}`,
        };
        ids.push(await send('POST', `/_screen/${user}/contacts`, body));
      });
      const poll = (scenario: string, aimRows?: number) =>
        measure(stage, {
          scenario,
          unit: 'records',
          aimRows,
          run: async (recorder) => {
            const counts = await recorder.time(() => stage.admin('POST', `/admin/accounts/${user}/poll`));
            recorder.count = records;
            recorder.notes.push(JSON.stringify(counts));
          },
        });
      yield await poll(`first crawl of ${records} office records`);
      yield await poll(`crawl of ${records} records, the first time unchanged`);
      for (const id of ids.slice(0, 10))
        await send('PATCH', `/_screen/${user}/contacts/${id}`, { lastName: 'Solberg' });
      yield await poll(`crawl of ${records} records, 10 changed`);
      yield await poll(`crawl of ${records} records, unchanged`, 0);
    } finally {
      await office.close();
    }
  },
};

async function officeUrl(stage: Stage): Promise<string> {
  const ready = (await stage.admin('GET', '/health/ready')) as { office?: string };
  if (!ready.office) throw new Error('the server has no office simulator');
  return ready.office;
}
