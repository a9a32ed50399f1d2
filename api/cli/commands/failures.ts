/** `failures`: what went wrong, with what it means and what to do. */
import type { Failure, FailureReport, WithheldFailure } from '../../services/failures.ts';
import type { CliCommand } from '../command.ts';
import { momentHelp, momentOf } from '../moment.ts';
import { type Column, formatHelp, formatOf, formatOptions, printRows } from '../output.ts';

const columns: readonly Column<Failure>[] = [
  { name: 'Times', value: ({ times }) => String(times) },
  { name: 'Devices', value: ({ devices }) => String(devices) },
  { name: 'Cause', value: ({ cause }) => cause },
  { name: 'First', value: ({ firstAt }) => firstAt },
  { name: 'Last', value: ({ lastAt }) => lastAt },
  { name: 'Example', value: ({ exchange, item }) => exchange ?? (item ? `item ${item}` : '') },
];
/** A program reads the sentences too. */
const csvColumns: readonly Column<Failure>[] = [
  ...columns,
  { name: 'Meaning', value: ({ meaning }) => meaning },
  { name: 'To do', value: ({ todo }) => todo },
  { name: 'Reason', value: ({ reason }) => reason ?? '' },
];

const withheldColumns: readonly Column<WithheldFailure>[] = [
  { name: 'Last', value: ({ lastAt }) => lastAt },
  { name: 'Times', value: ({ times }) => String(times) },
  { name: 'Person', value: ({ email, account }) => email ?? account },
  { name: 'Device', value: ({ deviceId, device }) => deviceId ?? device },
  { name: 'Item', value: ({ item }) => item },
  { name: 'Reason', value: ({ reason }) => reason ?? 'erased' },
  { name: 'Exchange', value: ({ exchange }) => exchange },
];

export const failuresCommand: CliCommand = {
  name: 'failures',
  usage: '[--since <time>] [--person <person>] [--json | --csv]',
  summary: 'Lists what failed, was refused, withheld, slow or looping, by cause, and what to do about each',
  details: [
    '  --since   the last day unless told',
    '  --person  only of this person',
    momentHelp,
    ...formatHelp,
    'Withheld items are listed below the causes, and with --json as lines of kind "withheld".',
    '',
    'Exit code 1 when there is any. Example: npm run mobilesync -- failures --since 3d --person kari@demo.example',
  ],
  options: { since: { type: 'string' }, person: { type: 'string' }, ...formatOptions },
  async run({ admin, print, remark }, input) {
    const format = formatOf(input);
    const since = momentOf(String(input.values.since ?? '1d'), '--since');
    const person = input.values.person === undefined ? undefined : String(input.values.person);
    const { failures, withheld } = await admin.get<FailureReport>('/failures', { since, person });
    const exitCode = failures.length > 0 || withheld.length > 0 ? 1 : 0;
    if (format === 'json') {
      for (const failure of failures) print(JSON.stringify({ kind: 'failure', ...failure }));
      for (const item of withheld) print(JSON.stringify({ kind: 'withheld', ...item }));
      return exitCode;
    }
    if (format === 'csv') {
      printRows(print, failures, csvColumns, format);
      return exitCode;
    }
    printRows(print, failures, columns, format, `nothing went wrong since ${since}`);
    for (const { cause, meaning, todo, reason } of failures) {
      print('');
      print(`${cause}: ${meaning}${reason ? ` It said: ${reason}.` : ''}`);
      print(`  ${todo}`);
    }
    if (withheld.length > 0) {
      print('');
      print('Withheld items:');
      printRows(print, withheld, withheldColumns, format);
    }
    if (failures.some(({ exchange }) => exchange !== null)) remark('`exchange <id>` shows the example of a cause');
    return exitCode;
  },
};
