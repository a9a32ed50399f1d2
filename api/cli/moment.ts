/** Times and spans of time as people write them on the command line. */
import { ConfigError } from '../config.ts';

const unitsMs: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

export const momentHelp = '  A time is ISO 8601 (2026-11-22, 2026-11-22T18:00), or how long ago: 90m, 2h, 3d, 1w';

/** `90m` in milliseconds. @param option named in the error. @throws ConfigError */
export function spanMsOf(text: string, option: string): number {
  const match = /^(\d{1,6})([smhdw])$/.exec(text.trim());
  const unitMs = match && unitsMs[match[2] as string];
  if (!match || !unitMs || Number(match[1]) === 0) {
    throw new ConfigError(`${option} must be a span of time like 90m, 2h or 3d, but is "${text}".`);
  }
  return Number(match[1]) * unitMs;
}

/** An instant in ISO 8601 UTC, of a time or of how long ago. Without a zone it is the local one. @throws ConfigError */
export function momentOf(text: string, option: string, nowMs = Date.now()): string {
  if (/^\d{1,6}[smhdw]$/.test(text.trim())) return new Date(nowMs - spanMsOf(text, option)).toISOString();
  // A day alone would be UTC, and then "today" begins at another hour than people mean.
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text.trim());
  const ms = Date.parse(isDay ? `${text.trim()}T00:00` : text);
  if (!/^\d{4}-\d{2}-\d{2}/.test(text.trim()) || Number.isNaN(ms)) {
    throw new ConfigError(`${option} must be a time like 2026-11-22T18:00 or 2h, but is "${text}".`);
  }
  return new Date(ms).toISOString();
}

/** For questions whose times the server reads in a person's zone: only how long ago is made a time here. */
export function momentText(text: string | undefined, option: string): string | undefined {
  return text !== undefined && /^\d{1,6}[smhdw]$/.test(text.trim()) ? momentOf(text, option) : text;
}
