/** `history`: the life of an item. */
import { historyColumns } from '../../../adapters/history/columns.ts';
import { type HistoryEntry, valueText } from '../../../adapters/history/entry.ts';
import type { CliCommand } from '../command.ts';
import { type Column, formatHelp, formatOf, formatOptions, printRows } from '../output.ts';
import { itemPath } from '../paths.ts';

export const historyCommand: CliCommand = {
  name: 'history',
  usage: '<item> [--json | --csv]',
  summary: 'Tells the life of an item: who changed what, when, by which way, and what the office answered',
  details: [
    'The item is named by its id, as phones are given it (ServerId) and as find prints it. In the table each changed',
    'field has a row of its own; * marks times that the device claims.',
    '',
    ...formatHelp,
    '',
    'Example: npm run mobilesync -- history 4kqf3wz6vaxq2hbn7c5d1e8g0m --csv > life.csv',
  ],
  options: formatOptions,
  positionals: { min: 1, max: 1 },
  async run({ admin, print }, input) {
    const format = formatOf(input);
    const path = `${itemPath(input.positionals[0] as string)}/history`;
    const entries: HistoryEntry[] = [];
    for await (const entry of admin.lines<HistoryEntry>('GET', path)) {
      if (format === 'json') print(JSON.stringify(entry));
      else entries.push(entry);
    }
    if (format === 'csv') printRows(print, entries, historyColumns, format);
    if (format === 'table') printRows(print, entries.flatMap(rowsOf), columns, format);
    return 0;
  },
};

interface Row {
  readonly when: string;
  readonly who: string;
  readonly by: string;
  readonly event: string;
  readonly field: string;
  readonly from: string;
  readonly to: string;
}

const column = (name: string, key: keyof Row): Column<Row> => ({ name, value: (row) => row[key] });
const columns: readonly Column<Row>[] = [
  column('When', 'when'),
  column('Who', 'who'),
  column('By', 'by'),
  column('Event', 'event'),
  column('Field', 'field'),
  column('From', 'from'),
  column('To', 'to'),
];

/** The event, then a row for each field; what a conflict took away comes last. */
function rowsOf(entry: HistoryEntry): Row[] {
  const { recordedAt, claimedAt, who, cause, type, changes, conflict, office, movedFrom } = entry;
  const note = [entry.note, office?.action, office?.reason, cause?.reason, movedFrom && `moved from ${movedFrom}`];
  const head: Row = {
    when: claimedAt ? `${recordedAt} *${claimedAt}` : recordedAt,
    who: who.text,
    by: [cause?.command, cause?.key].filter(Boolean).join(' '),
    event: type,
    field: '',
    from: '',
    to: note.filter(Boolean).join('; '),
  };
  const below = { when: '', who: '', by: '', event: '' };
  const changed = changes.map(
    ({ path, before, after }): Row => ({ ...below, field: path, from: valueText(before), to: valueText(after) }),
  );
  if (!conflict) return [head, ...changed];
  const side = conflict.loser === 'client' ? 'the client lost' : 'the server lost';
  const lost = conflict.values.map(
    ({ path, lost: value, stands }): Row => ({
      ...below,
      event: side,
      field: path,
      from: valueText(value),
      to: valueText(stands),
    }),
  );
  const removal: Row[] = conflict.lostRemoval
    ? [{ ...below, event: side, field: '', from: 'the removal', to: '' }]
    : [];
  return [{ ...head, to: conflict.rule }, ...changed, ...removal, ...lost];
}
