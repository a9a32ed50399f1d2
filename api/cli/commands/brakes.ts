/** `brakes`: devices that are slowed down. */
import type { CliCommand } from '../command.ts';
import { type Column, formatHelp, formatOf, formatOptions, printRows } from '../output.ts';

interface Brake {
  readonly person: string | null;
  readonly deviceId: string;
  readonly reason: string;
  readonly scope: string;
  readonly since: string;
  readonly until: string;
  readonly isBraked: boolean;
  readonly refused: number;
}

/** In words; the API tells the names. */
const reasons: Readonly<Record<string, string>> = {
  repeated: 'the same request again and again',
  stuckKey: 'changes under a key that does not move',
  beginsAnew: 'begins a folder again and again',
  newDevices: 'too many new devices',
  storm: 'too many requests',
};

const columns: readonly Column<Brake>[] = [
  { name: 'person', value: ({ person }) => person ?? '' },
  { name: 'device', value: ({ deviceId }) => deviceId },
  { name: 'why', value: ({ reason }) => reasons[reason] ?? reason },
  { name: 'what', value: ({ scope }) => scope },
  { name: 'since', value: ({ since }) => since },
  { name: 'until', value: ({ until, isBraked }) => (isBraked ? until : `ended ${until}`) },
  { name: 'refused', value: ({ refused }) => String(refused) },
];

export const brakesCommand: CliCommand = {
  name: 'brakes',
  usage: '[--person <email>] [--json | --csv]',
  summary: 'Lists devices that loop or storm and are slowed down, now or in the last hour',
  details: [
    'They are answered 503 with Retry-After; a brake ends by itself. The limits are settings of the server (npm start --',
    '--help).',
    '',
    '  --person <email>  this person only',
    ...formatHelp,
    '',
    'Example: npm run mobilesync -- brakes --person kari@demo.example',
  ],
  options: { ...formatOptions, person: { type: 'string' } },
  async run({ admin, print }, input) {
    const { person } = input.values;
    const query = typeof person === 'string' ? { person, limit: 10_000 } : { limit: 10_000 };
    const { brakes } = await admin.get<{ brakes: Brake[] }>('/brakes', query);
    printRows(print, brakes, columns, formatOf(input), 'no device is slowed down');
    return 0;
  },
};
