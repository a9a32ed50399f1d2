/** Figures from samples, and as text. */

/** The smallest sample that at least the share `fraction` (0 to 1) of all does not exceed. NaN without samples. */
export function percentile(samples: readonly number[], fraction: number): number {
  const sorted = [...samples].sort((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(fraction * sorted.length) - 1)] ?? Number.NaN;
}

/** Three significant digits, and no more decimals than tell something. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  const decimals = size >= 100 || value === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toFixed(decimals);
}

export function bytes(value: number): string {
  if (Math.abs(value) >= 1_048_576) return `${number(value / 1_048_576)} MB`;
  return Math.abs(value) >= 1_024 ? `${number(value / 1_024)} kB` : `${number(value)} B`;
}
