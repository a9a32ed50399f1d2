/** `replay` and `shadow`: recorded exchanges run again with this program. */

import { ConfigError } from '../../config.ts';
import type { ReplayLine, ReplayView, SummaryView } from '../../services/replays.ts';
import type { CliCommand, CliContext } from '../command.ts';
import type { Print } from '../command-line.ts';
import { momentHelp, momentOf } from '../moment.ts';
import { reasonOption } from '../options.ts';
import { deviceOf, devicePath } from '../paths.ts';
import { shadow } from '../shadow.ts';
import { table } from '../table.ts';

const progressEveryMs = 2_000;
/** Replays of a long run that are shown, each in a line. */
const shownMax = 100;

export const replayCommand: CliCommand = {
  name: 'replay',
  usage:
    '<exchange> [--commit] | --device <person>/<deviceId> --from <time> [--to <time>] | --all-failures --since <time>',
  summary: 'Runs recorded exchanges again with this program, and tells what would be otherwise',
  details: [
    'Nothing is stored: each runs in memory, on the log as it stood then. With --commit what the exchange missed is',
    'applied to the items as they are now; what was done since is not overwritten, and the same again does nothing.',
    '',
    '  --device        the exchanges of one device in order, each on what those before it came to',
    '  --all-failures  everything that failed, was refused or withheld; with --person that person’s alone',
    '  --from, --to    a span of time; until now unless told',
    '  --since         the same as --from',
    '  --commit        apply what was missed; not with --device',
    '  --reason        why, for the history',
    '  --json          one JSON object a line',
    momentHelp,
    '',
    'Exit code 1 when something came out otherwise.',
    '',
    'Example: npm run mobilesync -- replay 0197a3c4-5b7e-7d21-9f60-3c1de2a4b5c6 --commit --reason "mended in 1.4"',
    'Example: npm run mobilesync -- replay --all-failures --since 2d',
  ],
  options: {
    ...{ device: { type: 'string' }, person: { type: 'string' } },
    ...{ from: { type: 'string' }, to: { type: 'string' }, since: { type: 'string' } },
    ...{ 'all-failures': { type: 'boolean' }, commit: { type: 'boolean' } },
    ...{ ...reasonOption, json: { type: 'boolean' } },
  },
  positionals: { min: 0, max: 1 },
  async run(context, { positionals, values }) {
    const [id] = positionals;
    const { admin } = context;
    const isJson = values.json === true;
    const commit = values.commit === true;
    const why = typeof values.reason === 'string' ? { reason: values.reason } : {};
    const isAll = values['all-failures'] === true;
    const device = typeof values.device === 'string' ? values.device : undefined;
    if ([id !== undefined, isAll, device !== undefined].filter(Boolean).length !== 1) {
      throw new ConfigError('Name one exchange, or say --device <person>/<deviceId>, or --all-failures.');
    }
    if (id !== undefined) {
      const replayed = await admin.post<ReplayView>(`/exchanges/${encodeURIComponent(id)}/replay`, { commit, ...why });
      if (isJson) context.print(JSON.stringify(replayed));
      else printReplay(context.print, replayed, commit);
      return isAsRecorded(replayed) ? 0 : 1;
    }
    const asked = values.from ?? values.since;
    if (typeof asked !== 'string') throw new ConfigError(`Say since when: ${isAll ? '--since' : '--from'} 2h.`);
    const from = momentOf(asked, isAll ? '--since' : '--from');
    const to = typeof values.to === 'string' ? { to: momentOf(values.to, '--to') } : {};
    if (isAll) {
      const whose = typeof values.person === 'string' ? { email: values.person } : {};
      const body = { since: from, ...to, ...whose, commit, ...why };
      return await printLines(context, admin.lines<ReplayLine>('POST', '/replays/failures', {}, body), isJson);
    }
    if (commit) throw new ConfigError('A span is only looked at; commit its exchanges one by one.');
    const path = `${devicePath(...deviceOf(device, '--device must be <person>/<deviceId>.'))}/replay`;
    return await printLines(context, admin.lines<ReplayLine>('GET', path, { from, ...to }), isJson);
  },
};

export const shadowCommand: CliCommand = {
  name: 'shadow',
  usage: '[--hours <n>] [--person <person>] [--running] [--json]',
  summary: 'Runs recorded traffic against this build, and lists the devices whose answers would change',
  details: [
    'The check before an upgrade: start it from the new build with the DATABASE_URL or DATA_DIR of the old one, and its',
    'MASTER_KEY. It only reads. Exchanges can be run that were kept in full: `watch --all --for 2h` keeps all of them.',
    '',
    '  --hours    how far back; 24',
    '  --person   of this person alone',
    '  --running  against the running server’s own build, over HTTP',
    '  --json     one JSON object a line',
    '',
    'Exit code 1 when an answer would change.',
    '',
    'Example: npm run mobilesync -- shadow --hours 48',
  ],
  options: {
    ...{ hours: { type: 'string' }, person: { type: 'string' } },
    ...{ running: { type: 'boolean' }, json: { type: 'boolean' } },
  },
  async run(context, { values }) {
    const hours = Number(values.hours ?? '24');
    if (!(hours > 0 && hours <= 24 * 366)) throw new ConfigError('--hours must be a number above 0.');
    const [from, to] = [new Date(Date.now() - hours * 3_600_000).toISOString(), new Date().toISOString()];
    const whose = typeof values.person === 'string' ? { email: values.person } : {};
    const lines =
      values.running === true
        ? context.admin.lines<ReplayLine>('GET', '/replays/shadow', { since: from, to, ...whose })
        : shadow(context.env, { from, to, ...whose }, context.remark);
    return await printLines(context, lines, values.json === true, ({ outcome }) => outcome !== 'failing');
  },
};

/** Progress as a remark, what differs in a line each, and all of it summed up. */
async function printLines(
  { print, remark }: CliContext,
  lines: AsyncIterable<ReplayLine>,
  isJson: boolean,
  isShown: (replay: ReplayView) => boolean = () => true,
): Promise<number> {
  let done = 0;
  let shown = 0;
  let toldMs = performance.now();
  let summary: SummaryView | undefined;
  for await (const line of lines) {
    if ('summary' in line) summary = line.summary;
    else done++;
    if (isJson) print(JSON.stringify(line));
    else if ('replay' in line && !isQuiet(line.replay) && isShown(line.replay) && shown++ < shownMax) {
      print(lineOf(line.replay));
    }
    if (performance.now() - toldMs < progressEveryMs) continue;
    toldMs = performance.now();
    remark(`${done} exchanges`);
  }
  if (!summary) return 1;
  if (!isJson) printSummary(print, summary, shown);
  const { different, broken, fine } = summary.outcomes;
  return different + broken + fine > 0 ? 1 : 0;
}

/** Also what fails as it failed. */
function isAsRecorded({ outcome, decisions, events, answer }: ReplayView): boolean {
  return outcome === 'same' || (outcome === 'failing' && decisions.length + events.length + answer.length === 0);
}

function isQuiet({ outcome }: ReplayView): boolean {
  return outcome === 'same' || outcome === 'skipped';
}

function lineOf({ at, email, deviceId, command, outcome, how, exchange, commands }: ReplayView): string {
  const outcomes = Object.entries(Object.groupBy(commands, (one) => one.outcome));
  const missed = outcomes.map(([of, some]) => `${some?.length ?? 0} ${of}`).join(', ');
  const what = missed === '' ? how : `${how}; of what was missed ${missed}`;
  return `${at} ${email ?? '-'}/${deviceId ?? '-'} ${command}: ${outcome}, ${what} (${exchange})`;
}

function printSummary(print: Print, { run, outcomes, causes, devices }: SummaryView, shown: number): void {
  if (shown > shownMax) print(`… and ${shown - shownMax} more`);
  const { same, fine, failing, different, broken, skipped } = outcomes;
  if (causes.length > 0) {
    const rows = causes.map((one) => [one.cause, String(one.recorded), String(one.fine), String(one.failing)]);
    print(table(['Cause', 'Recorded', 'Now fine', 'Still failing'], rows));
  }
  if (devices.length > 0) {
    const rows = devices.map((one) => [
      `${one.email ?? '-'}/${one.deviceId ?? one.device}`,
      ...[one.run, one.different, one.broken, one.fine].map(String),
      `${one.how} (${one.example})`,
    ]);
    print(table(['Device', 'Run', 'Different', 'Broken', 'Now fine', 'First'], rows));
  }
  print(
    `${run} exchanges run: ${same} as recorded, ${different} different, ${broken} broken, ${fine} now fine, ` +
      `${failing} still failing; ${skipped} could not be run, since too little of them was kept`,
  );
}

function printReplay(print: Print, replay: ReplayView, isCommit: boolean): void {
  print(`${replay.command} of ${replay.email ?? '-'}/${replay.deviceId ?? '-'} at ${replay.at}: ${replay.outcome}`);
  if (replay.skipped !== null) print(replay.skipped);
  if (replay.recordedCauses.length > 0) print(`recorded: ${replay.recordedCauses.join(', ')}`);
  if (replay.causes.length > 0) print(`now: ${replay.causes.join(', ')}`);
  for (const { what, recorded, now } of replay.decisions) print(`  ${what}: ${recorded} → ${now}`);
  for (const { stream, type, difference, fields } of replay.events) {
    const sign = difference === 'onlyNow' ? '+' : difference === 'onlyRecorded' ? '-' : '~';
    print(`${sign} ${type} in ${stream}${fields.length > 0 ? ` (${fields.join(', ')})` : ''}`);
  }
  for (const { of, text } of replay.answer) print(`${of === 'now' ? '+' : of === 'recorded' ? '-' : ' '} ${text}`);
  if (replay.commands.length === 0) return;
  print(isCommit ? 'What was missed:' : 'What was missed, and what --commit would do:');
  const rows = replay.commands.map((one) => [one.command, one.item, one.outcome, one.detail ?? '']);
  print(table(['Command', 'Item', 'Outcome', ''], rows));
}
