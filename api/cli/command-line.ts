/** What the operator's commands share: their help, their options, and errors in one sentence. */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { DataDirInUse, hasEmbeddedPostgres } from '../../adapters/postgres/embedded.ts';
import { ConfigError } from '../config.ts';
import { masterKeyFile } from '../master-key.ts';
import { withSecretFiles } from '../secret-files.ts';

export interface CliEnvironment {
  readonly DATABASE_URL?: string;
  readonly DATA_DIR?: string;
  readonly MASTER_KEY?: string;
  readonly ANCHOR_DIR?: string;
  readonly BACKUP_DIR?: string;
  readonly EVENT_LOG?: string;
  readonly EVENTSTORE_URL?: string;
  readonly EVENTSTORE_PREFIX?: string;
}

export type Print = (line: string) => void;

export const environmentHelp = [
  'Environment, as for npm start:',
  '  EVENT_LOG     where the events are: postgres, or eventstoredb with EVENTSTORE_URL; postgres',
  '  DATABASE_URL  a PostgreSQL to use instead of the embedded one; DATABASE_URL_FILE: a file that holds it',
  '  DATA_DIR      everything the embedded default keeps; .data',
];

/** @throws ConfigError naming the option that is not understood. */
export function parseOptions<O extends ParseArgsOptionsConfig>(args: readonly string[], options: O) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new ConfigError(`${(error as Error).message.replace(/\.?$/, '.')} --help tells more.`);
  }
}

export function dataDirOf(env: CliEnvironment): string {
  return env.DATA_DIR?.trim() || '.data';
}

export function anchorDirOf(env: CliEnvironment): string {
  return env.ANCHOR_DIR?.trim() || path.join(dataDirOf(env), 'anchors');
}

export function backupDirOf(env: CliEnvironment): string {
  return env.BACKUP_DIR?.trim() || path.join(dataDirOf(env), 'backups');
}

/** In base64; undefined where none is given and none is kept. Never makes one: another key would open nothing. */
export async function knownMasterKey(env: CliEnvironment): Promise<string | undefined> {
  const given = env.MASTER_KEY?.trim();
  if (given) return given;
  try {
    return (await readFile(masterKeyFile(dataDirOf(env)), 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

/** @param why it is needed, beginning with a colon or empty. @throws ConfigError where there is none. */
export async function neededMasterKey(env: CliEnvironment, why = ''): Promise<string> {
  const known = await knownMasterKey(env);
  if (known !== undefined) return known;
  throw new ConfigError(`MASTER_KEY is missing, and ${masterKeyFile(dataDirOf(env))} is not there${why}.`);
}

/** @throws ConfigError when the embedded database was never made: reading would only make an empty one. */
export async function mustExist(env: CliEnvironment): Promise<void> {
  if (env.DATABASE_URL || (await hasEmbeddedPostgres(dataDirOf(env)))) return;
  throw new ConfigError(`DATA_DIR ${dataDirOf(env)} holds no database yet: npm start makes one.`);
}

/** It cannot be done now, and nothing is broken; the message is the sentence for the operator. */
export class NotNow extends Error {
  override readonly name = 'NotNow';
}

/**
 * Runs a command as a process, with the secrets that files hold in its environment: exit code 2 for what the operator
 * can mend in the call, 1 for the rest.
 */
export async function runAsProcess(command: (env: NodeJS.ProcessEnv) => Promise<number>): Promise<void> {
  // Whoever reads has seen enough, as `head` has.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
  try {
    process.exitCode = await command(withSecretFiles(process.env));
  } catch (error) {
    process.exitCode = error instanceof ConfigError ? 2 : 1;
    process.stderr.write(`${sentenceOf(error)}\n`);
  }
}

/** PostgreSQL's undefined_table and undefined_column. */
const schemaCodes: readonly unknown[] = ['42P01', '42703'];

/** What the operator is told of an error that ended a command. */
export function sentenceOf(error: unknown): string {
  if (error instanceof ConfigError || error instanceof NotNow) return error.message;
  if (error instanceof DataDirInUse) return 'Another process took the data directory just now; try again.';
  const { code, message } = error as Error & { readonly code?: unknown };
  if (schemaCodes.includes(code)) return `The database has an older schema (${message}): npm run migrate brings it up.`;
  return `It failed: ${message}`;
}
