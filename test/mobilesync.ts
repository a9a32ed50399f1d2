/** The commands of `mobilesync`, run in this process against a server of the tests. */
import { runMobileSync } from '../api/cli/mobilesync.ts';
import { logEnv } from './e2e-log.ts';
import { adminToken, type ServerProcess } from './server-process.ts';

export interface Ran {
  readonly code: number;
  /** What was asked for, and what was remarked beside it. */
  readonly out: string;
  readonly said: string;
}

/** As Siv Åsen. What fails for the operator is thrown, with its sentence. */
export async function mobilesync({ url, dataDir }: ServerProcess, ...args: string[]): Promise<Ran> {
  const [out, said]: [string[], string[]] = [[], []];
  const env = {
    MOBILESYNC_URL: url,
    ADMIN_TOKEN: adminToken,
    MOBILESYNC_NAME: 'Siv Åsen',
    DATA_DIR: dataDir,
    ...logEnv(dataDir),
  };
  const code = await runMobileSync(
    env,
    args,
    (line) => out.push(line),
    (line) => said.push(line),
  );
  return { code, out: out.join('\n'), said: said.join('\n') };
}
