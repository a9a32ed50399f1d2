/** `state item`, `state folder`, `state device`: what was at a moment. */
import { valueText } from '../../../adapters/history/entry.ts';
import type { CliCommand, CliContext, CliInput } from '../command.ts';
import { momentText } from '../moment.ts';
import { type Column, formatHelp, formatOf, formatOptions, printRows } from '../output.ts';
import { accountPath, devicePath, itemPath } from '../paths.ts';

const options = { at: { type: 'string' }, ...formatOptions } as const;
const details = [
  '  --at <when>  a time (2026-11-17T08:30), a day (its beginning), how long ago (2h), or a position of the log; now',
  '               unless told.',
  "               Without a zone of its own a time is one in the person's.",
  ...formatHelp,
];

interface Moment {
  readonly position: number;
  readonly recordedAt: string | null;
}

type ItemThen = Moment & {
  readonly item: string;
  readonly standing: 'there' | 'removed' | 'unknown' | 'erased';
  readonly revision: number;
  readonly collection: string | null;
  readonly fields: Readonly<Record<string, unknown>> | null;
};

const standings = {
  there: 'there',
  removed: 'removed then',
  unknown: 'not there yet',
  erased: 'erased since',
} as const;

export const stateItemCommand: CliCommand = {
  name: 'state item',
  usage: '<item> [--at <when>] [--json | --csv]',
  summary: 'Shows an item as it was at a moment',
  details: [
    ...details,
    '',
    'Example: npm run mobilesync -- state item 4kqf3wz6vaxq2hbn7c5d1e8g0m --at 2026-11-17T08:30',
  ],
  options,
  positionals: { min: 1, max: 1 },
  async run({ admin, print, remark }, input) {
    const [item] = input.positionals as [string];
    const then = await admin.get<ItemThen>(`${itemPath(item)}/state`, { at: atOf(input) });
    const format = formatOf(input);
    const where = then.collection ? ` in ${then.collection}` : '';
    remark(`${whenText(then)}: ${standings[then.standing]}${where}, revision ${then.revision}`);
    if (format === 'json') print(JSON.stringify(then));
    else printRows(print, Object.entries(then.fields ?? {}), fieldColumns, format, 'no fields');
    return 0;
  },
};

const fieldColumns: readonly Column<[string, unknown]>[] = [
  { name: 'Field', value: ([name]) => name },
  { name: 'Value', value: ([, value]) => valueText(value) },
];

interface FolderItem {
  readonly item: string;
  readonly title: string;
  readonly version: number;
  readonly position: number;
}

export const stateFolderCommand: CliCommand = {
  name: 'state folder',
  usage: '<person> <folder> [--at <when>] [--json | --csv]',
  summary: 'Lists what lay in a folder at a moment',
  details: [
    'The folder is named by its name or id of then.',
    '',
    ...details,
    '',
    'Example: npm run mobilesync -- state folder kari@demo.example Contacts --at 2026-11-17',
  ],
  options,
  positionals: { min: 2, max: 2 },
  run: (context, input) => {
    const [person, folder] = input.positionals as [string, string];
    return list<FolderItem>(context, input, `${accountPath(person)}/folders/${encodeURIComponent(folder)}/state`, [
      { name: 'Item', value: ({ item }) => item },
      { name: 'Title', value: ({ title }) => title },
      { name: 'Version', value: ({ version }) => String(version) },
      { name: 'Position', value: ({ position }) => String(position) },
    ]);
  },
};

interface DeviceItem {
  readonly item: string;
  readonly title: string;
  readonly held: { readonly version: number } | null;
  readonly offered: { readonly do: string; readonly version: number } | null;
}

interface DeviceFolder {
  readonly folder: string;
  readonly collection: string;
  readonly key: string;
  readonly offeredKey: string | null;
  readonly heldCount: number;
  readonly offeredCount: number;
}

export const stateDeviceCommand: CliCommand = {
  name: 'state device',
  usage: '<person> <deviceId> [<folder>] [--at <when>] [--json | --csv]',
  summary: 'Shows what a device held at a moment: of each folder, or the items of one',
  details: [
    'Held is what the device had confirmed. Offered is what its last answer told it and it had not confirmed yet.',
    '',
    ...details,
    '',
    'Example: npm run mobilesync -- state device ola@demo.example APPL1 Calendar --at 2026-11-17T08:30',
  ],
  options,
  positionals: { min: 2, max: 3 },
  async run(context, input) {
    const [person, deviceId, folder] = input.positionals as [string, string, string?];
    const path = devicePath(person, deviceId);
    if (folder !== undefined) {
      return await list<DeviceItem>(context, input, `${path}/folders/${encodeURIComponent(folder)}/state`, [
        { name: 'Item', value: ({ item }) => item },
        { name: 'Title', value: ({ title }) => title },
        { name: 'Held', value: ({ held }) => (held ? `version ${held.version}` : '') },
        { name: 'Offered', value: ({ offered }) => (offered ? `${offered.do}, version ${offered.version}` : '') },
      ]);
    }
    const { admin, print, remark } = context;
    const then = await admin.get<Moment & { folders: DeviceFolder[] }>(`${path}/state`, { at: atOf(input) });
    remark(whenText(then));
    const columns: readonly Column<DeviceFolder>[] = [
      { name: 'Folder', value: (row) => row.folder },
      { name: 'Key', value: ({ key }) => key },
      { name: 'Held', value: ({ heldCount }) => String(heldCount) },
      { name: 'Offered key', value: ({ offeredKey }) => offeredKey ?? '' },
      { name: 'Offered', value: ({ offeredCount }) => String(offeredCount) },
    ];
    printRows(print, then.folders, columns, formatOf(input), 'it had not begun to sync any folder');
    return 0;
  },
};

/** Page by page, all at the position that the first page looked at. */
async function list<Item>(
  { admin, print, remark }: CliContext,
  input: CliInput,
  path: string,
  columns: readonly Column<Item>[],
): Promise<number> {
  const format = formatOf(input);
  const items: Item[] = [];
  let at = atOf(input);
  for (let after: number | null = 0; after !== null; ) {
    const page: Moment & { items: Item[]; next: number | null } = await admin.get(path, { at, after, limit: 1_000 });
    if (after === 0) remark(whenText(page));
    if (format === 'json') for (const item of page.items) print(JSON.stringify(item));
    else items.push(...page.items);
    at = String(page.position);
    after = page.next;
    if (after !== null) remark(`${after} items`);
  }
  if (format !== 'json') printRows(print, items, columns, format, 'nothing');
  return 0;
}

const atOf = ({ values }: CliInput) => momentText(values.at as string | undefined, '--at');

function whenText({ position, recordedAt }: Moment): string {
  return recordedAt === null ? 'before the first event' : `at position ${position}, last event ${recordedAt}`;
}
