/** Whether two field values mean the same: nothing, an empty text and an empty list are all "none". */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b || (isNone(a) && isNone(b))) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  for (const name of names) {
    if (!sameValue((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name])) return false;
  }
  return true;
}

function isNone(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0))
    return true;
  return typeof value === 'object' && 'content' in value && value.content === '';
}
