import { execFile } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { promisify } from 'node:util';
import { binaries } from '../../adapters/postgres/server-user.ts';
import { bytes, number } from './figures.ts';
import type { Aim, Beside, Result } from './measure.ts';

/** `2 × Xeon …, 23 GB, Node v24, PostgreSQL 18`: figures mean nothing without it. */
export async function machineLine(): Promise<string> {
  const { stdout } = await promisify(execFile)((await binaries()).postgres, ['--version']);
  const all = cpus();
  const memory = `${number(totalmem() / 2 ** 30)} GB`;
  return `${all.length} × ${all[0]?.model.trim() ?? 'unknown'}, ${memory}, Node ${process.version}, ${stdout.trim()}`;
}

/** A result in a few lines. */
export function resultText(result: Result): string {
  const { serverCpuSeconds, postgresCpuSeconds, cpuMsEach, rowsWritten, walBytes } = result;
  const lines = [
    `${result.scenario}`,
    `  ${result.count} ${result.unit} in ${number(result.seconds)} s, ${number(result.perSecond)}/s`,
  ];
  if (result.p50Ms !== undefined) {
    const { p50Ms, p95Ms = Number.NaN, p99Ms = Number.NaN } = result;
    lines.push(`  latency p50 ${number(p50Ms)} ms, p95 ${number(p95Ms)} ms, p99 ${number(p99Ms)} ms`);
  }
  if (serverCpuSeconds !== undefined && cpuMsEach !== undefined) {
    const postgres = postgresCpuSeconds === undefined ? '' : ` + PostgreSQL ${number(postgresCpuSeconds)} s`;
    lines.push(`  CPU ${number(serverCpuSeconds)} s${postgres} = ${number(cpuMsEach)} ms each`);
  }
  if (result.serverPeakBytes !== undefined) {
    const postgres = result.postgresBytes === undefined ? '' : `, PostgreSQL ${bytes(result.postgresBytes)}`;
    lines.push(`  memory: at most ${bytes(result.serverPeakBytes)}${postgres}`);
  }
  if (rowsWritten !== undefined) lines.push(`  ${rowsWritten} rows written, ${bytes(walBytes ?? 0)} of WAL`);
  lines.push(...(result.beside ?? []).map(besideText));
  for (const note of result.notes) lines.push(`  ${note}`);
  for (const aim of result.aims) lines.push(`  ${aimText(aim)}`);
  return lines.join('\n');
}

function besideText({ name, perSecond, ratio, p50Ms, p95Ms, p99Ms, cpuMsEach }: Beside): string {
  const latency = `p50 ${number(p50Ms)}  p95 ${number(p95Ms)}  p99 ${number(p99Ms)} ms`;
  const factor = `× ${number(ratio)}`;
  return `  ${name.padEnd(13)} ${`${number(perSecond)}/s`.padStart(10)}  ${factor.padEnd(8)}  ${latency}; ${number(cpuMsEach)} ms CPU each`;
}

export function isReached({ actual, limit }: Aim): boolean {
  return actual <= limit;
}

function aimText(aim: Aim): string {
  const unit = aim.unit === '' ? '' : ` ${aim.unit}`;
  const verdict = isReached(aim) ? 'ok' : 'missed';
  return `${verdict}: ${aim.what} ${number(aim.actual)}${unit}, aim ${number(aim.limit)}${unit}`;
}
