#!/usr/bin/env node
/** `npm run mobilesync -- <command>`: what operators, auditors and support ask for, on the command line. */
import { ConfigError } from '../config.ts';
import { AdminClient, AdminRefused } from './admin-client.ts';
import type { CliCommand } from './command.ts';
import { NotNow, type Print, parseOptions, runAsProcess } from './command-line.ts';
import { commands } from './commands/index.ts';

const environment = [
  'Environment:',
  '  MOBILESYNC_URL  the running server; http://127.0.0.1:8080',
  '  ADMIN_TOKEN     its token, or ADMIN_TOKEN_FILE; else the one kept in DATA_DIR',
  '  MOBILESYNC_NAME who acts, for the history; your user name',
  '  DATA_DIR        as for npm start; .data',
  '  DATABASE_URL    as for npm start, for the commands that work on the database itself; and for those that read the log,',
  '                  EVENT_LOG, EVENTSTORE_URL, EVENTSTORE_PREFIX',
];

/** Answers with the exit code. @throws ConfigError, NotNow */
export async function runMobileSync(
  env: NodeJS.ProcessEnv,
  args: readonly string[],
  print: Print,
  remark: Print = print,
  all: readonly CliCommand[] = commands,
): Promise<number> {
  const [first] = args;
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    for (const line of overview(all)) print(line);
    return first === undefined ? 2 : 0;
  }
  const command = find(all, args);
  if (!command) {
    const asked = args.filter((word) => !word.startsWith('-'))[0] ?? first;
    throw new ConfigError(`There is no command ${asked}; --help lists those there are.`);
  }
  const { values, positionals } = parseOptions(args.slice(command.name.split(' ').length), {
    ...command.options,
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help === true) {
    for (const line of helpOf(command)) print(line);
    return 0;
  }
  const { min, max } = command.positionals ?? { min: 0, max: 0 };
  if (positionals.length < min || positionals.length > max) {
    throw new ConfigError(`Usage: mobilesync ${command.name} ${command.usage}`.trimEnd());
  }
  const admin = new AdminClient(env);
  try {
    return await command.run({ env, print, remark, admin }, { positionals, values: values as Record<string, string> });
  } catch (error) {
    if (error instanceof AdminRefused) throw new NotNow(error.message);
    throw error;
  }
}

/** The command of the most words that the arguments begin with. */
function find(all: readonly CliCommand[], args: readonly string[]): CliCommand | undefined {
  return all
    .filter(({ name }) => name.split(' ').every((word, at) => args[at] === word))
    .sort((a, b) => b.name.length - a.name.length)[0];
}

function overview(all: readonly CliCommand[]): string[] {
  const width = Math.max(...all.map(({ name }) => name.length));
  return [
    'Usage: npm run mobilesync -- <command> [--help]',
    '',
    ...all.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    ...environment,
    '',
    'Exit code 0 when done, 1 when something was found or could not be done, 2 for what is wrong in the call.',
  ];
}

function helpOf({ name, usage, summary, details }: CliCommand): string[] {
  return [
    `Usage: npm run mobilesync -- ${name} ${usage}`.trimEnd(),
    '',
    `${summary}.`,
    ...(details ? ['', ...details] : []),
    '',
    ...environment,
  ];
}

if (import.meta.main) {
  await runAsProcess((env) => runMobileSync(env, process.argv.slice(2), console.log, console.error));
}
