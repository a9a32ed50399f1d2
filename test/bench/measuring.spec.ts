import { describe, expect, it } from 'vitest';
import { bytes, number, percentile } from './figures.ts';
import { cpuSecondsOf, parseKilobytes, parseStat, residentBytes, treeOf } from './proc.ts';
import { isReached, resultText } from './report.ts';

const stat = (pid: number, name: string, parent: number, ticks: readonly number[]) =>
  `${pid} (${name}) S ${parent} ${pid} ${pid} 0 -1 4194560 1 2 3 4 ${ticks.join(' ')} 20 0 1 0 100 1000 10 18446744073709551615`;

describe('what processes cost', () => {
  it('counts a process and its ended children, whatever its name', () => {
    const read = parseStat(stat(7, 'a) S 1 (b', 3, [150, 50, 20, 5]));
    expect(read).toEqual({ pid: 7, parent: 3, cpuSeconds: 2.25 });
  });

  it('finds the tree below a process and nothing beside it', () => {
    const all = [
      [1, 0],
      [5, 1],
      [9, 5],
      [3, 9],
      [6, 1],
    ].map(([pid = 0, parent = 0]) => ({ pid, parent, cpuSeconds: 1 }));
    expect(treeOf(5, all).map(({ pid }) => pid)).toEqual([5, 9, 3]);
    expect(treeOf(99, all)).toEqual([]);
  });

  it('reads memory by name', () => {
    const status = 'Name:\tnode\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n';
    expect(parseKilobytes(status, 'VmHWM')).toBe(2_097_152);
    expect(parseKilobytes(status, 'Pss')).toBeUndefined();
  });

  it.runIf(process.platform === 'linux')('sees this process work', async () => {
    const before = await cpuSecondsOf(process.pid);
    for (const end = performance.now() + 200; performance.now() < end; );
    const spent = (await cpuSecondsOf(process.pid)) - before;
    expect(spent).toBeGreaterThan(0);
    const { now, peak } = await residentBytes(process.pid);
    expect(now).toBeGreaterThan(1_000_000);
    expect(peak).toBeGreaterThan(1_000_000);
  });
});

const result = { scenario: 's', count: 2, unit: 'requests', seconds: 1, perSecond: 2, aims: [], notes: [] };

describe('figures', () => {
  it('gives the sample that a share of all does not exceed', () => {
    const samples = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([0, 0.5, 0.95, 0.99, 1].map((share) => percentile(samples, share))).toEqual([1, 50, 95, 99, 100]);
    expect(percentile([3], 0.5)).toBe(3);
    expect(percentile([], 0.5)).toBeNaN();
  });

  it('says no more than it knows', () => {
    expect([1234.5, 45.67, 1.234, 0.7654, 0].map(number)).toEqual(['1235', '45.7', '1.23', '0.765', '0']);
    expect([512, 2_048, 3_145_728].map(bytes)).toEqual(['512 B', '2.00 kB', '3.00 MB']);
  });

  it('says of an aim whether it was reached', () => {
    const aim = { what: 'CPU each', limit: 0.8, actual: 0.81, unit: 'ms' };
    expect([0.79, 0.8, 0.81].map((actual) => isReached({ ...aim, actual }))).toEqual([true, true, false]);
    expect(resultText({ ...result, aims: [aim] })).toContain('missed: CPU each 0.810 ms, aim 0.800 ms');
  });

  it('puts those that were asked the same beside each other, with what each is to the first', () => {
    const times = { p50Ms: 1, p95Ms: 2, p99Ms: 3, cpuMsEach: 0.1 };
    const beside = [
      { name: 'PostgreSQL', perSecond: 400, ratio: 1, ...times },
      { name: 'another', perSecond: 100, ratio: 0.25, ...times },
    ];
    const [, , first, second] = resultText({ ...result, beside }).split('\n');
    expect(first).toMatch(/^ {2}PostgreSQL +400\/s {2}× 1\.00 .*p99 3\.00 ms; 0\.100 ms CPU each$/);
    expect(second).toMatch(/^ {2}another +100\/s {2}× 0\.250 /);
  });
});
