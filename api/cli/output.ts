/** Rows for people and for programs: a table, CSV, or JSON with a line for each row. */
import { stringify } from 'csv-stringify/sync';
import { ConfigError } from '../config.ts';
import type { CliInput } from './command.ts';
import type { Print } from './command-line.ts';
import { table } from './table.ts';

export interface Column<Row> {
  /** Heading of the table and of the CSV. */
  readonly name: string;
  /** What a person reads; '' for nothing. */
  value(row: Row): string;
}

export type Format = 'table' | 'json' | 'csv';

/** For the `options` of a command that prints rows. */
export const formatOptions = { json: { type: 'boolean' }, csv: { type: 'boolean' } } as const;
export const formatHelp = [
  '  --json  one JSON object a line, with everything there is',
  '  --csv   the columns of the table as CSV (RFC 4180)',
];

/** @throws ConfigError when both are asked for. */
export function formatOf({ values }: CliInput): Format {
  if (values.json && values.csv) throw new ConfigError('Say --json or --csv, not both.');
  return values.json ? 'json' : values.csv ? 'csv' : 'table';
}

/** Prints all rows at once; `none` is said instead of an empty table. */
export function printRows<Row>(
  print: Print,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  format: Format,
  none = 'nothing',
): void {
  if (format === 'json') {
    for (const row of rows) print(JSON.stringify(row));
    return;
  }
  const names = columns.map(({ name }) => name);
  const cells = rows.map((row) => columns.map(({ value }) => value(row)));
  if (format === 'csv') {
    // A cell that a spreadsheet would take for a formula stays text (CSV injection).
    print(stringify([names, ...cells], { record_delimiter: 'windows', escape_formulas: true }).trimEnd());
    return;
  }
  print(rows.length === 0 ? none : table(names, cells));
}
