/** Items that are perhaps the same, made one, and two again. */
import { ConfigError } from '../../config.ts';
import type { AdminClient } from '../admin-client.ts';
import type { CliCommand } from '../command.ts';
import { reasonHelp, reasonOption } from '../options.ts';
import { type Column, formatHelp, formatOf, formatOptions, printRows } from '../output.ts';
import { accountPath, itemPath } from '../paths.ts';

interface SuspectView {
  readonly item: string;
  readonly title: string;
  readonly since: string;
  readonly inOffice: boolean;
}
interface PairView {
  readonly pair: string;
  readonly folder: string;
  readonly sure: string;
  readonly matchedBy: readonly string[];
  readonly keep: SuspectView;
  readonly other: SuspectView;
  readonly isUnmerged: boolean;
}
interface MergedView {
  readonly merge: string;
  readonly kept: string;
  readonly removed: string;
  readonly filled: readonly string[];
}

const sureness: Readonly<Record<string, string>> = {
  identical: 'identical',
  own: 'sure',
  shared: 'quite sure',
  spelling: 'likely',
  perhaps: 'perhaps',
};
const named = ({ title, inOffice, since }: SuspectView): string =>
  `${title} (${inOffice ? 'in the office, ' : ''}${since.slice(0, 10)})`;
const pairOf = (pair: string): string[] => pair.split(':');

const columns: readonly Column<PairView>[] = [
  // Two ids in one cell would be cut.
  { name: 'kept', value: ({ pair }) => pairOf(pair)[0] ?? '' },
  { name: 'other', value: ({ pair }) => pairOf(pair)[1] ?? '' },
  { name: 'folder', value: ({ folder }) => folder },
  {
    name: 'how sure',
    value: ({ sure, isUnmerged }) => `${sureness[sure] ?? sure}${isUnmerged ? ', unmerged before' : ''}`,
  },
  { name: 'because of', value: ({ matchedBy }) => matchedBy.join(', ') },
  { name: 'what stays', value: ({ keep }) => named(keep) },
  { name: 'what goes', value: ({ other }) => named(other) },
];

/** `<item>:<item>` or `<item>:<revision>`. @throws ConfigError */
function parted(text: string, like: string): [string, string] {
  const [one, two, ...more] = text.split(':');
  if (one && two && more.length === 0) return [one, two];
  throw new ConfigError(`${text} must be ${like}.`);
}

async function merge(admin: AdminClient, email: string, pair: string, reason: unknown): Promise<MergedView> {
  const [keep, other] = parted(pair, '<kept>:<other>, two items as duplicates lists them');
  return await admin.post<MergedView>(`${accountPath(email)}/duplicates/merge`, { keep, other, reason });
}

export const duplicatesCommand: CliCommand = {
  name: 'duplicates',
  usage: '<person> [--folder <name>] [--merge <kept>:<other> | --merge-all] [--json | --csv]',
  summary: 'Lists items that are perhaps the same, with why and how sure; merges them on request',
  details: [
    '  --folder <name>         one folder, by its name or CollectionId',
    '  --merge <kept>:<other>  make one item of the two: what only the other says is taken over, and it is removed',
    '  --merge-all             all pairs but those that are only perhaps the same, or were taken apart before',
    reasonHelp,
    ...formatHelp,
    '',
    'Nothing is changed without --merge or --merge-all. A merge is taken back by unmerge.',
    '',
    'Example: npm run mobilesync -- duplicates kari@demo.example --folder Contacts --merge-all',
  ],
  options: {
    ...{ folder: { type: 'string' }, merge: { type: 'string' }, 'merge-all': { type: 'boolean' } },
    ...{ ...reasonOption, ...formatOptions },
  },
  positionals: { min: 1, max: 1 },
  async run({ admin, print, remark }, input) {
    const { positionals, values } = input;
    const [email] = positionals as [string];
    if (typeof values.merge === 'string') {
      if (values['merge-all']) throw new ConfigError('Say --merge or --merge-all, not both.');
      const { kept, removed, filled, merge: name } = await merge(admin, email, values.merge, values.reason);
      const took = filled.length > 0 ? `, which took over ${filled.join(', ')}` : '';
      print(`${removed} is ${kept} now${took}. Take it back with: unmerge ${name}`);
      return 0;
    }
    const format = formatOf(input);
    const query = { folder: values.folder as string | undefined, limit: 500 };
    const pairs = await admin.all<PairView>(`${accountPath(email)}/duplicates`, 'duplicates', query);
    const sure = pairs.filter(({ sure: degree, isUnmerged }) => degree !== 'perhaps' && !isUnmerged);
    if (values['merge-all'] !== true) {
      printRows(print, pairs, columns, format, 'no duplicates');
      if (sure.length > 0) remark(`${sure.length} would be merged by --merge-all; nothing was done yet.`);
      return 0;
    }
    // An item that is in several pairs is merged once; what it has become may be judged otherwise.
    const touched = new Set<string>();
    const merged: PairView[] = [];
    for (const one of sure) {
      const both = [one.keep.item, one.other.item];
      if (both.some((item) => touched.has(item))) continue;
      await merge(admin, email, one.pair, values.reason);
      for (const item of both) touched.add(item);
      merged.push(one);
      if (merged.length % 50 === 0) remark(`${merged.length} of ${sure.length} …`);
    }
    printRows(print, merged, columns, format, 'nothing to merge');
    remark(`${merged.length} pairs merged.`);
    if (merged.length < sure.length) remark('Some were in several pairs: look again.');
    return 0;
  },
};

interface MergeView {
  readonly merge: string;
  readonly at: string;
  readonly device: string | null;
  readonly title: string | null;
  readonly brought: string | null;
  readonly matchedBy: readonly string[];
  readonly filled: readonly string[];
  readonly isUndone: boolean;
}

const mergeColumns: readonly Column<MergeView>[] = [
  { name: 'merge', value: ({ merge: name }) => name },
  { name: 'at', value: ({ at }) => at },
  { name: 'brought by', value: ({ device }) => device ?? 'people' },
  { name: 'item', value: ({ title }) => title ?? 'erased' },
  { name: 'took in', value: ({ brought }) => brought ?? '' },
  { name: 'because of', value: ({ matchedBy }) => matchedBy.join(', ') },
  { name: 'filled', value: ({ filled }) => filled.join(', ') },
  { name: 'taken back', value: ({ isUndone }) => (isUndone ? 'yes' : '') },
];

export const mergesCommand: CliCommand = {
  name: 'merges',
  usage: '<person> [--json | --csv]',
  summary: 'Lists what phones brought that was here already, and what people merged',
  details: [...formatHelp, '', 'Example: npm run mobilesync -- merges kari@demo.example'],
  options: formatOptions,
  positionals: { min: 1, max: 1 },
  async run({ admin, print }, input) {
    const path = `${accountPath(input.positionals[0] as string)}/merges`;
    const found = await admin.all<MergeView>(path, 'merges', { limit: 500 });
    printRows(print, found, mergeColumns, formatOf(input), 'no merges');
    return 0;
  },
};

export const unmergeCommand: CliCommand = {
  name: 'unmerge',
  usage: '<item>:<revision> [--reason <text>]',
  summary: 'Takes a merge back: the other version is an item of its own again',
  details: [
    'What the item had taken from it is given back, as far as nobody changed it since.',
    '',
    reasonHelp,
    '',
    'Example: npm run mobilesync -- unmerge k7d2…q:4',
  ],
  options: reasonOption,
  positionals: { min: 1, max: 1 },
  async run({ admin, print }, { positionals, values }) {
    const [item, revision] = parted(positionals[0] as string, '<item>:<revision>, as merges lists them');
    if (!/^\d{1,9}$/.test(revision)) throw new ConfigError('The revision must be a number, as merges lists them.');
    const body = { revision: Number(revision), reason: values.reason };
    const path = `${itemPath(item)}/unmerge`;
    const { other, cleared } = await admin.post<{ other: string; cleared: readonly string[] }>(path, body);
    const gave = cleared.length > 0 ? `; ${item} gave back ${cleared.join(', ')}` : '';
    print(`${other} stands by itself again${gave}.`);
    return 0;
  },
};
