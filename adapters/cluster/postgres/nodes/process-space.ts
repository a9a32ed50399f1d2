/** Whether another process is known for sure to have ended, without waiting for its lease. */
import { readFile, readlink } from 'node:fs/promises';
import os from 'node:os';

/**
 * Names the set of processes in which a pid is unique: the machine since its last start and, where there are
 * containers, the namespace. Elsewhere than on Linux the machine alone.
 */
export async function processSpace(): Promise<string> {
  const parts = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').then((id) => id.trim()),
    readlink('/proc/self/ns/pid'),
  ]).catch(() => []);
  return [os.hostname(), ...parts].join(' ');
}

/** Whether no process of this space has the pid. */
export function hasEnded(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
