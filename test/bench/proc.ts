/** What processes cost, from `/proc` (proc_pid_stat(5)); Linux only. */
import { readdir, readFile, writeFile } from 'node:fs/promises';

/** USER_HZ: the kernel reports in hundredths of a second on every platform Node runs on. */
const ticksPerSecond = 100;

export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** Of the process itself and of its children that have ended and were waited for. */
  readonly cpuSeconds: number;
}

/** Parses `/proc/<pid>/stat`. The name stands in parentheses and may hold anything, also parentheses. */
export function parseStat(text: string): ProcessStat {
  const end = text.lastIndexOf(')');
  const fields = text.slice(end + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  const ticks = field(14) + field(15) + field(16) + field(17);
  return { pid: Number.parseInt(text, 10), parent: field(4), cpuSeconds: ticks / ticksPerSecond };
}

/** Bytes of a line of `/proc/<pid>/status` or `smaps_rollup`: `VmHWM:   1234 kB`. Undefined when it is not there. */
export function parseKilobytes(text: string, name: string): number | undefined {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text);
  return match ? Number(match[1]) * 1024 : undefined;
}

/** The processes below and including `root`. */
export function treeOf(root: number, all: readonly ProcessStat[]): ProcessStat[] {
  const found = all.filter(({ pid }) => pid === root);
  for (let index = 0; index < found.length; index++) {
    const { pid } = found[index]!;
    found.push(...all.filter(({ parent }) => parent === pid));
  }
  return found;
}

async function allProcesses(): Promise<ProcessStat[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const read = await Promise.all(names.map((name) => ifAlive(readFile(`/proc/${name}/stat`, 'utf8'))));
  return read.flatMap((text) => (text === undefined ? [] : [parseStat(text)]));
}

/** CPU seconds of a process and everything below it, ended children included. */
export async function cpuSecondsOf(root: number): Promise<number> {
  return treeOf(root, await allProcesses()).reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}

/** Resident bytes of one process, now and at most since {@link forgetPeak}. */
export async function residentBytes(pid: number): Promise<{ now: number; peak: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return { now: parseKilobytes(status, 'VmRSS') ?? 0, peak: parseKilobytes(status, 'VmHWM') ?? 0 };
}

export async function forgetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5');
}

/** Memory of a tree of processes, what they share counted once (Pss). */
export async function proportionalBytes(root: number): Promise<number> {
  const tree = treeOf(root, await allProcesses());
  const texts = await Promise.all(tree.map(({ pid }) => ifAlive(readFile(`/proc/${pid}/smaps_rollup`, 'utf8'))));
  return texts.reduce((sum, text) => sum + (parseKilobytes(text ?? '', 'Pss') ?? 0), 0);
}

/** Processes end between the listing and the look. */
async function ifAlive<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
