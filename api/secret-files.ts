/** Secrets that a file holds: `MASTER_KEY_FILE=/run/secrets/master_key` stands for `MASTER_KEY`. */
import { readFileSync } from 'node:fs';
import { ConfigError, secretNames } from './config.ts';

/** What the variable's name ends in that names the file. */
export const fileSuffix = '_FILE';

/**
 * The environment with each secret that a file holds in place of the variable that names the file. A secret is one
 * line; newlines at its end are no part of it.
 * @throws ConfigError when a secret is given both ways, or its file cannot be read or holds no single line. The
 * sentence names the variable and the file, never what is in it.
 */
export function withSecretFiles(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const given = { ...env };
  for (const name of secretNames) {
    const variable = name + fileSuffix;
    const file = env[variable]?.trim();
    delete given[variable];
    if (!file) continue;
    if (env[name]?.trim()) throw new ConfigError(`${name} and ${variable} are both set: give one of them.`);
    given[name] = secretIn(file, variable);
  }
  return given;
}

function secretIn(file: string, variable: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').replace(/[\r\n]+$/, '');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigError(`${variable} names ${file}, which cannot be read (${code ?? 'unknown'}).`);
  }
  if (text.trim() === '') throw new ConfigError(`${variable} names ${file}, which is empty.`);
  // A URL would be read as if the newline were not there.
  if (/[\r\n]/.test(text)) throw new ConfigError(`${variable} names ${file}, which must hold one line.`);
  return text;
}
