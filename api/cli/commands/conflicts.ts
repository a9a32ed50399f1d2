/** The conflicts that were kept, and deciding them. */
import { ConfigError } from '../../config.ts';
import type { CliCommand } from '../command.ts';
import { momentHelp, momentOf } from '../moment.ts';
import { needed, reasonHelp, reasonOption } from '../options.ts';
import { type Column, formatHelp, formatOf, formatOptions, printRows } from '../output.ts';
import { saidOf } from './restoring.ts';

interface VersionView {
  readonly removed: boolean;
  readonly values: Readonly<Record<string, unknown>>;
}
interface NamedView {
  readonly conflict: string;
  readonly item: string;
  readonly kind: string;
  readonly person: string | null;
  readonly at: string;
  readonly by: { readonly kind: string; readonly device: string | null };
  readonly loser: 'client' | 'server';
  readonly contested: readonly string[];
  readonly decidedFor: string | null;
  readonly title: string | null;
}
interface ConflictView extends NamedView {
  readonly mine: VersionView | null;
  readonly theirs: VersionView | null;
}
interface StepView extends NamedView {
  readonly for: string;
  readonly does: readonly string[];
  readonly fields: readonly string[];
  readonly refused?: string;
}

const who = ({ by }: NamedView): string => (by.device ? `${by.kind} ${by.device}` : by.kind);
const lost = (view: NamedView): string => (view.loser === 'client' ? who(view) : `others than ${who(view)}`);

function valueText(value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'object' && 'content' in value) return String(value.content);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function versionText(version: VersionView | null): string {
  if (!version) return 'erased';
  if (version.removed) return 'removed';
  return Object.entries(version.values)
    .map(([name, value]) => `${name}: ${valueText(value)}`)
    .join('; ');
}

const columns: readonly Column<ConflictView>[] = [
  { name: 'conflict', value: ({ conflict }) => conflict },
  { name: 'at', value: ({ at }) => at },
  { name: 'person', value: ({ person }) => person ?? '' },
  { name: 'title', value: ({ title }) => title ?? '' },
  { name: 'who lost', value: lost },
  { name: 'mine (lost)', value: ({ mine }) => versionText(mine) },
  { name: 'theirs (won)', value: ({ theirs }) => versionText(theirs) },
  { name: 'decided', value: ({ decidedFor }) => (decidedFor ? `for ${decidedFor}` : '') },
];

const narrowing = { person: { type: 'string' }, device: { type: 'string' }, since: { type: 'string' } } as const;
const narrowingHelp = [
  '  --person <email>  whose items',
  '  --device <id>     the DeviceId of a phone of that person, which came with its change',
  '  --since <time>    not before',
];

function narrowed({ person, device, since }: Readonly<Record<string, unknown>>) {
  if (device !== undefined && person === undefined) throw new ConfigError('Say also whose the device is: --person.');
  const instant = typeof since === 'string' ? momentOf(since, '--since') : undefined;
  return { person: person as string | undefined, device: device as string | undefined, since: instant };
}

export const conflictsCommand: CliCommand = {
  name: 'conflicts',
  usage: '[--person <email>] [--device <id>] [--open] [--since <time>] [--json | --csv]',
  summary: 'Lists the conflicts that were kept, with both versions',
  details: [
    ...narrowingHelp,
    '  --open            only those that nobody decided',
    ...formatHelp,
    momentHelp,
    '',
    'Example: npm run mobilesync -- conflicts --person kari@demo.example --open',
  ],
  options: { ...narrowing, open: { type: 'boolean' }, ...formatOptions },
  async run({ admin, print }, input) {
    const format = formatOf(input);
    const query = { ...narrowed(input.values), ...(input.values.open ? { open: true } : {}), limit: 200 };
    const found = await admin.all<ConflictView>('/conflicts', 'conflicts', query);
    printRows(print, found, columns, format, 'no conflicts');
    return 0;
  },
};

export const decideCommand: CliCommand = {
  name: 'decide',
  usage: '<conflict> --for mine|theirs|merge [--reason <text>]',
  summary: 'Decides a conflict; the result reaches every device and the office',
  details: [
    '  --for mine     the version that lost wins now, also over later changes of the same fields',
    '  --for theirs   what won stays; the conflict is closed',
    '  --for merge    what is empty is filled from the version that lost; texts and lists of words are joined',
    reasonHelp,
    '',
    'Example: npm run mobilesync -- decide k7d2…q:4 --for mine',
  ],
  options: { for: { type: 'string' }, ...reasonOption },
  positionals: { min: 1, max: 1 },
  async run({ admin, print }, { positionals, values }) {
    const choice = needed(values, 'for', 'mine|theirs|merge');
    if (!['mine', 'theirs', 'merge'].includes(choice)) throw new ConfigError('--for must be mine, theirs or merge.');
    const path = `/conflicts/${encodeURIComponent(positionals[0] as string)}/decide`;
    const outcome = await admin.post<{ conflict: string; does: string[]; fields: string[] }>(path, {
      for: choice,
      reason: values.reason,
    });
    print(`${outcome.conflict} is decided for ${choice}: ${saidOf(outcome)}.`);
    return 0;
  },
};

const stepColumns: readonly Column<StepView>[] = [
  { name: 'conflict', value: ({ conflict }) => conflict },
  { name: 'at', value: ({ at }) => at },
  { name: 'person', value: ({ person }) => person ?? '' },
  { name: 'title', value: ({ title }) => title ?? '' },
  { name: 'who lost', value: lost },
  { name: 'for', value: (step) => step.for },
  { name: 'does', value: (step) => (step.refused ? `refused: ${step.refused}` : saidOf(step)) },
];

export const conflictsReplayCommand: CliCommand = {
  name: 'conflicts replay',
  usage: '--policy clientWins|serverWins [--person <email>] [--device <id>] [--since <time>] [--apply | --dry-run]',
  summary: 'Decides the open conflicts of phones as another policy would have',
  details: [
    '  --policy <policy> clientWins: the phone; serverWins: whoever was there before it',
    ...narrowingHelp,
    '  --apply           do it; without it (or with --dry-run) only the list is printed',
    reasonHelp,
    ...formatHelp,
    momentHelp,
    '',
    'Example: npm run mobilesync -- conflicts replay --policy clientWins --person kari@demo.example --since 7d',
  ],
  options: {
    ...{ policy: { type: 'string' }, ...narrowing, apply: { type: 'boolean' }, 'dry-run': { type: 'boolean' } },
    ...{ ...reasonOption, ...formatOptions },
  },
  async run({ admin, print, remark }, input) {
    const { values } = input;
    const policy = needed(values, 'policy', 'clientWins|serverWins');
    if (!['clientWins', 'serverWins'].includes(policy)) {
      throw new ConfigError('--policy must be clientWins or serverWins.');
    }
    if (values.apply && values['dry-run']) throw new ConfigError('Say --apply or --dry-run, not both.');
    const format = formatOf(input);
    const body = { policy, ...narrowed(values), apply: values.apply === true, reason: values.reason };
    const steps: StepView[] = [];
    for (let after: string | undefined | null; after !== null; ) {
      const page: { steps: StepView[]; next: string | null } = await admin.post('/conflicts/replay', {
        ...body,
        after,
      });
      steps.push(...page.steps);
      after = page.next;
      if (after !== null) remark(`${steps.length} conflicts …`);
    }
    printRows(print, steps, stepColumns, format, 'no open conflicts of phones');
    if (steps.length > 0 && body.apply) remark(`${steps.length} conflicts decided.`);
    else if (steps.length > 0) remark('Nothing was done yet. Do it with --apply.');
    return steps.some(({ refused }) => refused !== undefined) ? 1 : 0;
  },
};
