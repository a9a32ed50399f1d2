/** Options that several commands take. */
import { ConfigError } from '../config.ts';

export const reasonOption = { reason: { type: 'string' } } as const;
export const reasonHelp = '  --reason <text>  why, for the history';

/** The value of an option that must be there. @throws ConfigError */
export function needed(values: Readonly<Record<string, unknown>>, name: string, like: string): string {
  const value = values[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new ConfigError(`--${name} ${like} is missing.`);
}
