/** Erasing for good, and what was erased. */
import { ConfigError } from '../../config.ts';
import type { CliCommand } from '../command.ts';
import { reasonOption } from '../options.ts';
import { type Column, formatHelp, formatOf, formatOptions, printRows } from '../output.ts';

interface Answer {
  readonly isErased: boolean;
  readonly items: number;
  readonly events: number;
  readonly blobs: number;
  readonly unvacuumed: readonly string[];
}

export const eraseCommand: CliCommand = {
  name: 'erase',
  usage: '--person <email> | --item <id> [--yes] [--force] [--reason <text>]',
  summary: 'Destroys the key of a person or an item: nothing of it can be read again, here or in backups',
  details: [
    'Without --yes it says how much would go, and changes nothing.',
    '',
    '  --person  the account with all it owns; what its phones hold stays there, so wipe them before',
    '  --item    an item that lives is removed first, from devices and from the office',
    '  --force   also while the office has not said that its record is gone; what the office keeps stays there',
    '  --reason  for the history; name nobody in it',
    '',
    'Example: npm run mobilesync -- erase --person kari@demo.example --yes --reason "asked by letter of 3 March"',
  ],
  options: {
    person: { type: 'string' },
    item: { type: 'string' },
    yes: { type: 'boolean' },
    force: { type: 'boolean' },
    ...reasonOption,
  },
  async run({ admin, print, remark }, { values }) {
    const { person, item, yes, force, reason } = values;
    if ((person === undefined) === (item === undefined)) throw new ConfigError('Say --person or --item, one of them.');
    const answer = await admin.post<Answer>('/erasures', { person, item, yes, force, reason });
    const size = `${answer.items} items with ${answer.events} events`;
    if (!answer.isErased) {
      print(`${size} would be erased; say --yes to erase them`);
      return 0;
    }
    print(`${size} and ${answer.blobs} long bodies are erased`);
    for (const table of answer.unvacuumed)
      remark(`dead rows of ${table} may still hold keys: run "vacuum full ${table}" when the server may stand still`);
    return 0;
  },
};

interface Erased {
  readonly tenant: string;
  readonly at: string;
  readonly by: { readonly kind: string; readonly name?: string };
  readonly reason: string | null;
  readonly subject: string;
  readonly item?: string;
  readonly account?: string;
  readonly events: number;
}

const columns: readonly Column<Erased>[] = [
  { name: 'at', value: ({ at }) => at },
  { name: 'tenant', value: ({ tenant }) => tenant },
  { name: 'what', value: ({ subject }) => subject },
  { name: 'id', value: ({ item, account }) => item ?? account ?? '' },
  { name: 'events', value: ({ events }) => String(events) },
  { name: 'by', value: ({ by }) => by.name ?? by.kind },
  { name: 'reason', value: ({ reason }) => reason ?? '' },
];

export const erasuresCommand: CliCommand = {
  name: 'erasures',
  usage: '[--json | --csv]',
  summary: 'What was erased, by whom and when',
  details: formatHelp,
  options: formatOptions,
  async run({ admin, print }, input) {
    const rows = await admin.all<Erased>('/erasures', 'erasures', { limit: 1_000 });
    printRows(print, rows, columns, formatOf(input), 'nothing was erased');
    return 0;
  },
};
