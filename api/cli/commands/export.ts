/** A copy of everything that is known of a person, in files. */
import { type FileHandle, mkdir, open, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError } from '../../config.ts';
import type { CliCommand } from '../command.ts';
import { NotNow } from '../command-line.ts';
import { accountPath } from '../paths.ts';

interface Line {
  readonly kind: string;
  readonly counts?: Readonly<Record<string, number>>;
  readonly message?: string;
}

const meanings: Readonly<Record<string, string>> = {
  person: 'whose data this is, and when the copy was made',
  account: 'the account and every change of it, without passwords',
  folder: 'the folders; of other people only that they share one',
  device: 'the devices, with all they said of themselves',
  conversation: 'what each device and folder told each other',
  item: 'contacts, appointments, tasks and notes as they are or were last, with every version of them',
  conflict: 'changes that lost against others, with what they wanted',
  exchange: 'recorded requests of the devices',
  erasure: 'what was erased: that and when, nothing else is left of it',
};

export const exportCommand: CliCommand = {
  name: 'export',
  usage: '--person <email> <folder> | <file>.ndjson',
  summary: 'Writes everything that is known of a person, readable, into a folder or one file',
  details: [
    'In a folder there is a file for each kind of thing, a line of JSON each, and index.txt says what is where.',
    '',
    'Example: npm run mobilesync -- export --person kari@demo.example kari',
  ],
  options: { person: { type: 'string' } },
  positionals: { min: 1, max: 1 },
  async run({ admin, print, remark }, { positionals: [target = ''], values }) {
    const { person } = values;
    if (typeof person !== 'string') throw new ConfigError('Say whose: --person <email>.');
    const isFile = target.endsWith('.ndjson');
    if (!isFile) await newFolder(target);
    const files = new Map<string, FileHandle>();
    const fileOf = async (kind: string): Promise<FileHandle> => {
      const name = isFile ? target : path.join(target, `${kind}.ndjson`);
      const known = files.get(name);
      if (known) return known;
      const opened = await open(name, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
        throw error.code === 'EEXIST' ? new ConfigError(`${name} is there already.`) : error;
      });
      files.set(name, opened);
      return opened;
    };
    let counts: Line['counts'];
    let written = 0;
    try {
      for await (const line of admin.lines<Line>('GET', `${accountPath(person)}/export`)) {
        if (line.kind === 'done') counts = line.counts;
        else if (line.kind === undefined) throw new NotNow(line.message ?? 'The export broke off.');
        if (line.kind !== 'done' || isFile) await (await fileOf(line.kind)).appendFile(`${JSON.stringify(line)}\n`);
        if (++written % 1_000 === 0) remark(`${written} lines`);
      }
      if (!counts) throw new NotNow('The export broke off before its end.');
      if (!isFile) await writeFile(path.join(target, 'index.txt'), indexOf(counts), { mode: 0o600 });
    } finally {
      for (const file of files.values()) await file.close();
    }
    print(`${counts.item ?? 0} items and all else known of ${person} are in ${target}`);
    return 0;
  },
};

async function newFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length > 0) throw new ConfigError(`${folder} is not empty.`);
}

function indexOf(counts: Readonly<Record<string, number>>): string {
  const lines = Object.entries(meanings).flatMap(([kind, meaning]) =>
    counts[kind] ? [`${`${kind}.ndjson`.padEnd(20)} ${String(counts[kind]).padStart(7)}  ${meaning}`] : [],
  );
  return `${lines.join('\n')}\n\nEach line is one JSON object (UTF-8). Times are UTC.\n`;
}
