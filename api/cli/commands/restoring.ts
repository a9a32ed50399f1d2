/** Bringing items back to what they were. */
import { ConfigError } from '../../config.ts';
import type { CliCommand } from '../command.ts';
import { momentHelp, momentOf } from '../moment.ts';
import { needed, reasonHelp, reasonOption } from '../options.ts';
import { type Column, formatHelp, formatOf, formatOptions, printRows } from '../output.ts';
import { devicePath, itemPath } from '../paths.ts';

interface Effects {
  readonly does: readonly string[];
  readonly fields: readonly string[];
}
interface OutcomeView extends Effects {
  readonly item: string;
  readonly revision: number;
  readonly removed: boolean;
}
interface StepView extends Effects {
  readonly item: string;
  readonly kind: string;
  readonly title: string;
  readonly left: readonly { readonly what: readonly string[]; readonly by: { readonly kind: string } }[];
  readonly refused?: string;
}
interface UndoPage {
  readonly steps: readonly StepView[];
  readonly until: string;
  readonly next: number | null;
}

/** `restore, change company and jobTitle`; `nothing` where the item stays as it is. */
export function saidOf({ does, fields }: Effects): string {
  if (does.length === 0) return 'nothing';
  const names = fields.length > 0 ? ` ${fields.join(', ')}` : '';
  return does.map((one) => (one === 'change' ? `change${names}` : one)).join(', ');
}

const said = ({ item, revision, removed, ...effects }: OutcomeView): string =>
  effects.does.length === 0
    ? `${item} is so already; nothing was done.`
    : `${item} is at revision ${revision} now: ${saidOf(effects)}${removed ? '; it is removed' : ''}.`;

export const restoreCommand: CliCommand = {
  name: 'restore',
  usage: '<item> [--reason <text>]',
  summary: 'Brings a removed item back as it was, on every device and in the office',
  details: [reasonHelp, '', 'Example: npm run mobilesync -- restore k7d2…q --reason "deleted by mistake"'],
  options: reasonOption,
  positionals: { min: 1, max: 1 },
  async run({ admin, print }, { positionals, values }) {
    const path = `${itemPath(positionals[0] as string)}/restore`;
    print(said(await admin.post<OutcomeView>(path, { reason: values.reason })));
    return 0;
  },
};

export const revertCommand: CliCommand = {
  name: 'revert',
  usage: '<item> --to <version> [--reason <text>]',
  summary: 'Makes an item be again what it was at a version of its history',
  details: [
    '  --to <version>   a revision, as history <item> lists them',
    reasonHelp,
    '',
    'Example: npm run mobilesync -- revert k7d2…q --to 3',
  ],
  options: { to: { type: 'string' }, ...reasonOption },
  positionals: { min: 1, max: 1 },
  async run({ admin, print }, { positionals, values }) {
    const to = needed(values, 'to', '<version>');
    if (!/^\d{1,9}$/.test(to)) throw new ConfigError('--to must be a revision of the history: a number from 0.');
    const path = `${itemPath(positionals[0] as string)}/revert`;
    print(said(await admin.post<OutcomeView>(path, { to: Number(to), reason: values.reason })));
    return 0;
  },
};

const columns: readonly Column<StepView>[] = [
  { name: 'item', value: ({ item }) => item },
  { name: 'kind', value: ({ kind }) => kind },
  { name: 'title', value: ({ title }) => title },
  { name: 'does', value: (step) => (step.refused ? `refused: ${step.refused}` : saidOf(step)) },
  {
    name: 'leaves',
    value: ({ left }) => left.map(({ what, by }) => `${what.join(', ')} (${by.kind} since)`).join('; '),
  },
];

export const undoCommand: CliCommand = {
  name: 'undo',
  usage: '--person <email> --device <id> --since <time> [--until <time>] [--apply] [--json | --csv]',
  summary: 'Takes back what one device did, item by item, and leaves what others did since',
  details: [
    '  --person <email>  whose device',
    '  --device <id>     its DeviceId, as the devices of the account list it',
    '  --since <time>    not before; --until <time>  before, else up to now',
    '  --apply           do it; without it only the list is printed',
    reasonHelp,
    ...formatHelp,
    momentHelp,
    '',
    'Example: npm run mobilesync -- undo --person ola@demo.example --device APPL123 --since 2h --apply',
  ],
  options: {
    ...{ person: { type: 'string' }, device: { type: 'string' }, since: { type: 'string' }, until: { type: 'string' } },
    ...{ apply: { type: 'boolean' }, ...reasonOption, ...formatOptions },
  },
  async run({ admin, print, remark }, input) {
    const { values } = input;
    const [person, device] = [needed(values, 'person', '<email>'), needed(values, 'device', '<id>')];
    const format = formatOf(input);
    const since = momentOf(needed(values, 'since', '<time>'), '--since');
    const asked = typeof values.until === 'string' ? momentOf(values.until, '--until') : undefined;
    const path = `${devicePath(person, device)}/undo`;
    const steps: StepView[] = [];
    const isApplied = values.apply === true;
    for (let page: UndoPage | undefined; page === undefined || page.next !== null; ) {
      const rest = page ? { until: page.until, after: page.next } : { until: asked };
      page = await admin.post<UndoPage>(path, { since, apply: isApplied, reason: values.reason, ...rest });
      steps.push(...page.steps);
      if (page.next !== null) remark(`${steps.length} items …`);
    }
    printRows(print, steps, columns, format, 'The device did nothing then that is still there to take back.');
    const todo = steps.filter(({ does }) => does.length > 0).length;
    if (isApplied) remark(`${todo} items put right, ${steps.length - todo} left as they are.`);
    else if (todo > 0) remark(`${todo} items would be put right; nothing was done yet. Do it with --apply.`);
    return steps.some(({ refused }) => refused !== undefined) ? 1 : 0;
  },
};
