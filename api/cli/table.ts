/** Text in columns. */

export type Row = readonly string[];

const widest = 48;

/** Columns as wide as their widest cell, at most {@link widest} characters; longer cells are cut with an ellipsis. */
export function table(header: Row, rows: readonly Row[]): string {
  const cells = [header, ...rows].map((row) => row.map(oneLine));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => length(row[column] ?? ''))));
  const line = (row: Row): string =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - length(cell)))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width));
  return [cells[0]!, rule, ...cells.slice(1)].map(line).join('\n');
}

function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what a server sent must not steer the terminal
  const clean = text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
  const characters = [...clean];
  return characters.length > widest ? `${characters.slice(0, widest - 1).join('')}…` : clean;
}

/** In characters as written, not UTF-16 units: `å` counts once however it is composed. */
function length(text: string): number {
  return [...new Intl.Segmenter().segment(text)].length;
}
