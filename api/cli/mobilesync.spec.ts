import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { CliCommand } from './command.ts';
import { runMobileSync } from './mobilesync.ts';

const seen: unknown[] = [];
const two: CliCommand[] = [
  {
    name: 'conflicts',
    usage: '[<item>]',
    summary: 'Lists conflicts',
    positionals: { min: 0, max: 1 },
    run: async (_, input) => {
      seen.push(['conflicts', input.positionals]);
      return 0;
    },
  },
  {
    name: 'conflicts replay',
    usage: '--policy <policy>',
    summary: 'Decides again',
    options: { policy: { type: 'string' } },
    run: async (_, { values }) => {
      seen.push(['replay', values.policy]);
      return 1;
    },
  },
];

describe('mobilesync', () => {
  const run = async (...args: string[]) => {
    const lines: string[] = [];
    const code = await runMobileSync({}, args, (line) => lines.push(line), undefined, two);
    return { code, text: lines.join('\n') };
  };

  it('lists its commands, and ends with 2 when it was told none', async () => {
    expect((await run('--help')).code).toBe(0);
    const { code, text } = await run();
    expect(code).toBe(2);
    expect(text).toContain('conflicts replay  Decides again');
  });

  it('takes the command of the most words, and gives it its options and words', async () => {
    expect((await run('conflicts', 'replay', '--policy', 'clientWins')).code).toBe(1);
    await run('conflicts', 'abc');
    expect(seen).toEqual([
      ['replay', 'clientWins'],
      ['conflicts', ['abc']],
    ]);
  });

  it('says in one sentence what is wrong in the call', async () => {
    await expect(run('conflict')).rejects.toThrow('There is no command conflict; --help lists those there are.');
    await expect(run('conflicts', 'a', 'b')).rejects.toThrow('Usage: mobilesync conflicts [<item>]');
    await expect(run('conflicts', 'replay', '--what')).rejects.toThrow("Unknown option '--what'");
  });

  it('each command has help of its own', async () => {
    expect((await run('conflicts', 'replay', '--help')).text).toContain('conflicts replay --policy <policy>');
  });

  it('ends quietly when nobody reads on', async () => {
    const script = path.join(import.meta.dirname, 'mobilesync.ts');
    const ended = await promisify(execFile)('bash', ['-c', '"$0" "$1" --help | true', process.execPath, script]);
    expect(ended.stderr).toBe('');
  });
});
