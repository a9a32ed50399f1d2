/** `find`: items by what happened to them and by their words. */
import { ConfigError } from '../../config.ts';
import type { CliCommand, CliInput } from '../command.ts';
import { momentText } from '../moment.ts';
import { type Column, formatHelp, formatOf, formatOptions, printRows } from '../output.ts';

/** As GET /admin/items tells it. */
interface Found {
  readonly item: string;
  readonly kind: string | null;
  readonly title: string;
  readonly owner: string | null;
  readonly folder: string | null;
  readonly collection: string | null;
  readonly isRemoved: boolean;
  readonly who: { readonly text: string };
  readonly event: { readonly recordedAt: string; readonly type: string; readonly fields: readonly string[] };
  readonly text: { readonly path: string; readonly excerpt: string; readonly when: string } | null;
}
type Line = { readonly found: Found } | { readonly looked: number; readonly matched: number };

const asked = [
  'text',
  'person',
  'by',
  'device',
  'tenant',
  'do',
  'actor',
  'kind',
  'field',
  'folder',
  'command',
  'from',
  'to',
] as const;
const limitDefault = 1_000;
const toldEveryMs = 1_000;

export const findCommand: CliCommand = {
  name: 'find',
  usage: '[--text <words>] [--person <email>] [--device <id>] [--do <what>] [--from <time>] [--to <time>] …',
  summary: 'Finds items by their words, and by what happened to them, when, and by whom',
  details: [
    '  --text <words>     that the item holds or once held; case and accents do not matter',
    '  --person <email>   whose items; with --device, whose device',
    '  --device <id>      what this device did',
    '  --by <email>       what this person did, to whosever items',
    '  --do <what>        added, changed, moved, deleted, conflict, decided, merged, sent, confirmed, refused, erased',
    '  --actor <kind>     device, office, admin, system: what kind of actor did it',
    '  --kind <kind>      contact, appointment, task, note',
    '  --field <field>    a field that was touched: jobTitle, exceptions',
    '  --folder <folder>  a folder of the person, by name or id',
    '  --command <way>    by which way: "Sync Delete", crawl, restore',
    "  --from, --to       a day or a time, in the person's time zone, or how long ago (2h, 3d); --to is not included",
    '  --tenant <tenant>  where no person is named and there are several',
    `  --limit <n>        stop after so many; ${limitDefault}`,
    '  --every            every event that fits, not only the last of each item',
    ...formatHelp,
    '',
    'Each item comes once, with the last of its events that fits, the latest first. How many items were looked at is',
    'told on standard error.',
    '',
    'Example: everything that a phone of Ola deleted on Tuesday',
    '  npm run mobilesync -- find --person ola@demo.example --device APPL1 --do deleted --from 2026-11-17 --to 2026-11-18',
  ],
  options: {
    ...Object.fromEntries(asked.map((name) => [name, { type: 'string' as const }])),
    limit: { type: 'string' },
    every: { type: 'boolean' },
    ...formatOptions,
  },
  async run({ admin, print, remark }, input) {
    const format = formatOf(input);
    const limit = limitOf(input);
    const said = (name: string) => input.values[name] as string | undefined;
    const times = { from: momentText(said('from'), '--from'), to: momentText(said('to'), '--to') };
    const query = {
      ...Object.fromEntries(asked.map((name) => [name, said(name)])),
      ...times,
      ...(input.values.every ? { every: 'true' } : {}),
    };
    if (Object.values(query).every((value) => value === undefined)) {
      throw new ConfigError('Say what to find: --text, --person, --do … (see --help).');
    }
    const found: Found[] = [];
    let looked = 0;
    let isCut = false;
    let toldMs = performance.now();
    for await (const line of admin.lines<Line>('GET', '/items', query)) {
      if ('found' in line) {
        if (found.length === limit) {
          isCut = true;
          break;
        }
        found.push(line.found);
        if (format === 'json') print(JSON.stringify(line.found));
        continue;
      }
      looked = line.looked;
      if (performance.now() - toldMs < toldEveryMs) continue;
      toldMs = performance.now();
      remark(`${looked} items looked at, ${line.matched} found`);
    }
    if (format !== 'json') printRows(print, found, columns, format, 'nothing found');
    remark(
      isCut ? `the first ${limit} found; say --limit for more` : `${looked} items looked at, ${found.length} found`,
    );
    return 0;
  },
};

function limitOf({ values }: CliInput): number {
  const limit = values.limit === undefined ? limitDefault : Number(values.limit);
  if (!Number.isInteger(limit) || limit < 1) throw new ConfigError('--limit must be a whole number from 1 on.');
  return limit;
}

const columns: readonly Column<Found>[] = [
  { name: 'When', value: ({ event }) => event.recordedAt },
  { name: 'Who', value: ({ who }) => who.text },
  { name: 'Event', value: ({ event }) => event.type },
  { name: 'Item', value: ({ item }) => item },
  { name: 'Title', value: ({ title, isRemoved }) => (isRemoved ? `${title} (removed)` : title) },
  { name: 'Folder', value: ({ owner, folder, collection }) => [owner, folder ?? collection].filter(Boolean).join(' ') },
  { name: 'Text', value: ({ text }) => (text ? `${text.when === 'now' ? '' : `${text.when}: `}${text.excerpt}` : '') },
];
