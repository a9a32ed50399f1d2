/** `exchanges` and `exchange`: what devices asked and were answered. */
import type { CollectionExchange, Exchange, QuietHour } from '../../../adapters/exchange-record/port.ts';
import type { WholeExchange } from '../../services/exchanges.ts';
import type { CliCommand } from '../command.ts';
import type { Print } from '../command-line.ts';
import { momentHelp, momentOf } from '../moment.ts';
import { type Column, formatHelp, formatOf, formatOptions, printRows } from '../output.ts';
import { accountPath, devicePath } from '../paths.ts';

const columns: readonly Column<Exchange>[] = [
  { name: 'When', value: ({ at }) => at },
  { name: 'Command', value: ({ command, version }) => `${command} ${(version / 10).toFixed(1)}` },
  { name: 'Asked', value: ({ collections }) => together(collections, askedOf) },
  { name: 'Key', value: ({ collections }) => together(collections, keysOf) },
  { name: 'Answer', value: answerOf },
  { name: 'Told', value: ({ collections }) => together(collections, ({ told }) => countsText(told)) },
  { name: 'ms', value: ({ durationMs, waitedMs }) => String(durationMs - waitedMs) },
  { name: 'Noticed', value: ({ causes, verdicts }) => (causes.length > 0 ? causes : verdicts).join(' ') },
  { name: 'Id', value: ({ id, hasBody }) => (hasBody ? `${id} +` : id) },
];

export const exchangesCommand: CliCommand = {
  name: 'exchanges',
  usage: '<person> [<deviceId>] [--from <time>] [--to <time>] [--suspicious] [--max <n>] [--json | --csv]',
  summary: 'Lists what a person’s devices asked and were answered, the latest first',
  details: [
    '  --from, --to  a span of time; the last day unless told',
    '  --suspicious  only what failed, was refused, withheld, slow or looping',
    '  --max         how many at most; 100',
    momentHelp,
    ...formatHelp,
    '',
    'A + behind the id: the request and the answer were kept, and `exchange <id>` shows them. Exchanges that had nothing',
    'to say are counted by the hour; with a device their number is told.',
    '',
    'Example: npm run mobilesync -- exchanges kari@demo.example APPL123 --from 2h',
  ],
  options: {
    from: { type: 'string' },
    to: { type: 'string' },
    suspicious: { type: 'boolean' },
    max: { type: 'string' },
    ...formatOptions,
  },
  positionals: { min: 1, max: 2 },
  async run({ admin, print, remark }, input) {
    const format = formatOf(input);
    const { positionals, values } = input;
    const [person = '', deviceId] = positionals;
    const from = momentOf(String(values.from ?? '1d'), '--from');
    const to = values.to === undefined ? undefined : momentOf(String(values.to), '--to');
    const max = Math.max(1, Number.parseInt(String(values.max ?? '100'), 10) || 100);
    const query = { deviceId, from, to, suspicious: values.suspicious === true, limit: Math.min(max, 500) };
    const rows: Exchange[] = [];
    type Page = { readonly exchanges: Exchange[]; readonly next: string | null };
    for await (const { exchanges } of admin.pages<Page>(`${accountPath(person)}/exchanges`, query)) {
      rows.push(...exchanges);
      if (rows.length >= max) break;
    }
    printRows(print, rows.slice(0, max), columns, format, 'no exchange was recorded in that time');
    if (rows.length >= max) remark(`only the latest ${max}: --max shows more`);
    if (deviceId !== undefined && values.suspicious !== true) {
      const path = `${devicePath(person, deviceId)}/quiet-hours`;
      for (const line of quietLines((await admin.get<{ hours: QuietHour[] }>(path, { from })).hours)) remark(line);
    }
    return 0;
  },
};

export const exchangeCommand: CliCommand = {
  name: 'exchange',
  usage: '<id> [--json]',
  summary: 'Shows one exchange, with request and answer as XML where they were kept',
  details: ['Example: npm run mobilesync -- exchange 0197a3c4-5b7e-7d21-9f60-3c1de2a4b5c6'],
  options: { json: { type: 'boolean' } },
  positionals: { min: 1, max: 1 },
  async run({ admin, print }, { positionals, values }) {
    const [id = ''] = positionals;
    const whole = await admin.get<WholeExchange>(`/exchanges/${encodeURIComponent(id)}`);
    if (values.json === true) print(JSON.stringify(whole));
    else printWhole(print, whole);
    return 0;
  },
};

function printWhole(print: Print, whole: WholeExchange): void {
  const { body, explained } = whole;
  print(
    `${whole.command} ${(whole.version / 10).toFixed(1)} at ${whole.at}, ${whole.durationMs} ms (${whole.waitedMs} of them waiting)`,
  );
  print(
    `by ${whole.email ?? whole.account}, device ${whole.deviceId ?? whole.device}, from log position ${whole.position}`,
  );
  print(`${whole.requestBytes} bytes asked, ${whole.answerBytes} answered: ${answerOf(whole) || 'nothing to say'}`);
  for (const one of whole.collections) {
    print(`  folder ${one.collection} (${one.kind ?? 'unknown'}): key ${keysOf(one)}, ${one.recognised}`);
    const parts = [`asked ${askedOf(one) || 'nothing'}`, `told ${countsText(one.told) || 'nothing'}`];
    if (one.withheld > 0) parts.push(`withheld ${one.withheld}`);
    print(`    ${parts.join(', ')}; status ${one.status}${one.moreAvailable ? ', and there is more' : ''}`);
  }
  for (const { cause, meaning, todo } of explained) {
    print(`${cause}: ${meaning}`);
    print(`  ${todo}`);
  }
  if (!body) {
    print(whole.hasBody ? 'Its request and answer were erased.' : 'Its request and answer were not kept.');
    return;
  }
  print(`User-Agent ${body.userAgent ?? 'unknown'}; policy key ${body.policyKey ?? 'none'}`);
  if (body.error !== null) for (const line of body.error.split('\n')) print(line);
  print('--- request');
  for (const line of (body.request ?? 'without a body, or it was not at hand any more').split('\n')) print(line);
  print('--- answer');
  for (const line of (body.answer ?? 'without a body').split('\n')) print(line);
}

/** One after the other; folders of which the same is to be said are counted. */
function together(list: readonly CollectionExchange[], text: (one: CollectionExchange) => string): string {
  const groups = Map.groupBy(list.map(text).filter(Boolean), (said) => said);
  return [...groups].map(([said, { length }]) => (length > 1 ? `${length} folders ${said}` : said)).join('; ');
}

function askedOf({ commands }: CollectionExchange): string {
  return countsText(commands);
}

function keysOf({ key, issuedKey }: CollectionExchange): string {
  return key === issuedKey ? key : `${key || '?'} → ${issuedKey || '?'}`;
}

function countsText(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .flatMap(([name, count]) => (count > 0 ? [`${count} ${name}`] : []))
    .join(', ');
}

/** HTTP and status, where they say something. */
function answerOf({ httpStatus, status, collections }: Exchange): string {
  if (httpStatus !== 200) return `HTTP ${httpStatus}`;
  if (status !== null) return `Status ${status}`;
  return together(collections, (one) => {
    const responses = Object.entries(one.statuses).map(([code, count]) => `${count}×${code}`);
    return [`Status ${one.status}`, ...responses].join(' ');
  });
}

function quietLines(hours: readonly QuietHour[]): string[] {
  const byCommand = Map.groupBy(hours, ({ command }) => command);
  return [...byCommand].map(([command, some]) => {
    const times = some.reduce((sum, one) => sum + one.times, 0);
    const last = some
      .map(({ lastAt }) => lastAt)
      .toSorted()
      .at(-1);
    const said = command.includes(',') ? command : `${command} that had nothing to say`;
    return `and ${times} ${said}, the last at ${last}`;
  });
}
