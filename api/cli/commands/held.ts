/** `held`, `release` and `discard`: deletions of a device that were too many at once. */
import type { CliCommand } from '../command.ts';
import { type Column, formatHelp, formatOf, formatOptions, printRows } from '../output.ts';

interface Batch {
  readonly batch: string;
  readonly person: string | null;
  readonly device: { readonly deviceId: string | null; readonly deviceType: string | null; readonly key: string };
  readonly folder: { readonly collection: string; readonly name: string | null };
  readonly items: number;
  readonly itemsBefore: number;
  readonly heldAt: string;
  readonly state: string;
}

interface HeldItem {
  readonly item: string;
  readonly do: 'delete' | 'change';
  readonly title: string;
  readonly isThere: boolean;
}

const batchColumns: readonly Column<Batch>[] = [
  { name: 'batch', value: ({ batch }) => batch },
  { name: 'person', value: ({ person }) => person ?? '' },
  { name: 'device', value: ({ device }) => device.deviceId ?? device.key },
  { name: 'folder', value: ({ folder }) => folder.name ?? folder.collection },
  { name: 'held', value: ({ items, itemsBefore }) => `${items} of ${itemsBefore}` },
  { name: 'since', value: ({ heldAt }) => heldAt },
  { name: 'state', value: ({ state }) => state },
];

const itemColumns: readonly Column<HeldItem>[] = [
  { name: 'item', value: ({ item }) => item },
  { name: 'to be', value: (held) => (held.do === 'delete' ? 'deleted' : 'emptied') },
  { name: 'name', value: ({ title, isThere }) => (isThere ? title : '(gone)') },
];

export const heldCommand: CliCommand = {
  name: 'held',
  usage: '[<batch>] [--person <email>] [--all] [--json | --csv]',
  summary: 'Lists deletions that were held back because a device deleted too much at once',
  details: [
    'With a batch, the items in it by name.',
    '',
    '  --person <email>  this person only',
    '  --all             also those that were released or discarded',
    ...formatHelp,
    '',
    'Example: npm run mobilesync -- held --person kari@demo.example',
  ],
  options: { ...formatOptions, person: { type: 'string' }, all: { type: 'boolean' } },
  positionals: { min: 0, max: 1 },
  async run({ admin, print }, input) {
    const format = formatOf(input);
    const [batch] = input.positionals;
    if (batch !== undefined) {
      const { held } = await admin.get<{ held: HeldItem[] }>(batchPath(batch));
      printRows(print, held, itemColumns, format);
      return 0;
    }
    const { person, all } = input.values;
    const query = { state: all ? 'all' : 'open', ...(typeof person === 'string' ? { person } : {}) };
    const batches = await admin.all<Batch>('/held', 'batches', query);
    printRows(print, batches, batchColumns, format, 'nothing is held back');
    return 0;
  },
};

interface Decision {
  readonly items: number;
  readonly staying: number;
  readonly repeated: boolean;
}

export const releaseCommand: CliCommand = {
  name: 'release',
  usage: '<batch>',
  summary: 'Carries held deletions out after all, as the device’s own',
  details: [
    'What others changed since stays, as in any conflict. Can be repeated: what was cut off is finished.',
    '',
    'Example: npm run mobilesync -- release k3jq6c2ovb7a',
  ],
  positionals: { min: 1, max: 1 },
  async run({ admin, print }, { positionals }) {
    const { items, staying, repeated } = await admin.post<Decision>(`${batchPath(positionals[0])}/release`);
    if (repeated) print('It was released before; nothing was done now.');
    else print(`${items - staying} of ${items} were carried out; ${staying} stay, as somebody changed them since.`);
    return 0;
  },
};

export const discardCommand: CliCommand = {
  name: 'discard',
  usage: '<batch>',
  summary: 'Lets held items stay, and gives them back to the device',
  details: ['Example: npm run mobilesync -- discard k3jq6c2ovb7a'],
  positionals: { min: 1, max: 1 },
  async run({ admin, print }, { positionals }) {
    const { items, repeated } = await admin.post<Decision>(`${batchPath(positionals[0])}/discard`);
    print(
      repeated ? 'It was discarded before; nothing was done now.' : `${items} items stay; the device gets them again.`,
    );
    return 0;
  },
};

const batchPath = (batch = ''): string => `/held/${encodeURIComponent(batch)}`;
