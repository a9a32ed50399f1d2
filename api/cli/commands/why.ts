/** `why`: why an item is, or is not, on a device. */
import type { CliCommand } from '../command.ts';
import { deviceOf, devicePath, itemPath } from '../paths.ts';

interface Answer {
  readonly cause: string;
  readonly isOnDevice: 'yes' | 'no' | 'perhaps';
  readonly sentence: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

export const whyCommand: CliCommand = {
  name: 'why',
  usage: '<item> --device <person>/<deviceId> [--facts | --json]',
  summary: 'Says why an item is, or is not, on a device',
  details: [
    '  --facts  also what the sentence is made of',
    '  --json   all of it as one JSON object',
    '',
    'Exit code 0 when it is there, 1 when it is not, or nobody can know.',
    '',
    'Example: npm run mobilesync -- why jqhgmy3kuvmfpakh7icq5cwhkq --device kari@demo.example/APPL123',
  ],
  options: { device: { type: 'string' }, facts: { type: 'boolean' }, json: { type: 'boolean' } },
  positionals: { min: 1, max: 1 },
  async run({ admin, print }, { positionals, values }) {
    const [item = ''] = positionals;
    const device = deviceOf(values.device, 'Say which device: --device <person>/<deviceId>.');
    const answer = await admin.get<Answer>(`${devicePath(...device)}${itemPath(item)}/why`);
    if (values.json === true) print(JSON.stringify(answer));
    else {
      print(
        `${answer.isOnDevice === 'yes' ? 'There' : answer.isOnDevice === 'no' ? 'Not there' : 'Perhaps'}: ${answer.sentence}`,
      );
      if (values.facts === true) for (const line of linesOf(answer.facts)) print(line);
    }
    return answer.isOnDevice === 'yes' ? 0 : 1;
  },
};

function linesOf(facts: Answer['facts']): string[] {
  return Object.entries(facts).flatMap(([name, value]) => {
    if (typeof value !== 'object' || value === null) return [`  ${name}: ${value ?? '-'}`];
    return Object.entries(value).map(
      ([of, one]) => `  ${name}.${of}: ${typeof one === 'object' ? JSON.stringify(one) : one}`,
    );
  });
}
