import { describe, expect, it } from 'vitest';
import * as statusTables from '../activesync/status.ts';
import { causeOfBrake, causeOfStatus, explained, type StatusTable, verdictOf } from './causes.ts';
import { verdicts } from './port.ts';

const isSentence = (text: string) => /^[A-Z].{8,}\.$/s.test(text);
const tables = Object.entries(statusTables).map(([name, table]) => [name.replace(/Status$/, ''), table] as const);
const statuses = tables.flatMap(([table, numbers]) =>
  Object.entries(numbers).map(([name, number]) => ({ table: table as StatusTable, name, number })),
);

/** Causes that no status says; each brings the verdict of its name. */
const unsaid = ['withheld', 'slow', 'looping', 'storm'];

describe('causes', () => {
  it.each(statuses)('$table.$name is good, or has a sentence on what it means and one on what to do', (status) => {
    const cause = causeOfStatus(status.table, status.number);
    if (cause === undefined) {
      expect(['success', 'expired', 'changed']).toContain(status.name);
      return;
    }
    expect(cause).toBe(`${status.table}.${status.name}`);
    const { meaning, todo } = explained(cause);
    expect([isSentence(meaning), isSentence(todo)]).toEqual([true, true]);
  });

  it('every verdict is brought by a cause that explains it', () => {
    const named = [...statuses.map(({ table, number }) => causeOfStatus(table, number) ?? ''), 'error.TypeError'];
    const brought = new Set([...named, ...unsaid].map(verdictOf));
    expect([...brought].filter((verdict) => verdict !== null).toSorted()).toEqual([...verdicts].toSorted());
    for (const cause of unsaid) {
      expect(verdictOf(cause)).toBe(cause);
      expect(isSentence(explained(cause).todo)).toBe(true);
    }
    for (const cause of Object.values(causeOfBrake)) {
      expect(['looping', 'storm']).toContain(verdictOf(cause));
      expect(isSentence(explained(cause).meaning)).toBe(true);
    }
  });

  it('from 101 on, all commands mean the same', () => {
    expect(causeOfStatus('ping', 142)).toBe('common.notProvisioned');
    expect(causeOfStatus('sync', 142)).toBe('common.notProvisioned');
  });

  it('what is not known by its whole name is explained by its kind, and what is not known at all is still told', () => {
    expect(explained('error.RangeError')).toBe(explained('error.TypeError'));
    expect(explained('http.418').meaning).toContain('HTTP status');
    expect(explained('office.quota: 12').meaning).toContain('The office refused');
    expect(causeOfStatus('sync', 99)).toBe('unknown');
    expect(isSentence(explained('unknown').meaning)).toBe(true);
  });
});
