/** Moments and spans as people type them. */
import { ConfigError } from '../config.ts';

const units: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

export const timeHelp =
  'A time is 2026-11-20, 2026-11-20T14:30 (of this machine), with Z or an offset, or 30m, 2h, 3d ago.';

/** An instant in UTC: of a moment, or of so long ago. @throws ConfigError naming the option. */
export function instantArgument(option: string, text: string, nowMs: number): string {
  const span = /^(\d{1,6})([mhd])$/.exec(text.trim());
  // A day alone would be read as UTC, a day with a time as local.
  const moment = /^\d{4}-\d{2}-\d{2}$/.test(text.trim()) ? `${text.trim()}T00:00` : text;
  const ms = span ? nowMs - Number(span[1]) * (units[span[2] as string] as number) : Date.parse(moment);
  if (!Number.isFinite(ms)) throw new ConfigError(`${option} ${text} is no time. ${timeHelp}`);
  return new Date(ms).toISOString();
}
