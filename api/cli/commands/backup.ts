/** Backups, which work on the database itself; a restore needs the server stopped. */
import { runBackup } from '../backup.ts';
import type { CliCommand } from '../command.ts';
import { runRestore } from '../restore.ts';

export const backupCommand: CliCommand = {
  name: 'backup',
  usage: '[<folder>]',
  summary: 'Writes a snapshot of everything that is stored into a folder, also beside a running server',
  details: [
    'Without a folder it is one below BACKUP_DIR (DATA_DIR/backups), named by the time. The master key is not in it: keep',
    'master.key and the anchors elsewhere.',
    '',
    'Example: npm run mobilesync -- backup',
  ],
  positionals: { min: 0, max: 1 },
  run: ({ env, print, remark }, { positionals }) => runBackup(env, positionals, print, remark),
};

export const backupRestoreCommand: CliCommand = {
  name: 'backup restore',
  usage: '<folder> [--replace] | --in-place [--force]',
  summary: 'Puts the state of a backup back, while the server is stopped',
  details: [
    'Devices go on from what they hold, also where they are ahead of the backup; what was erased since stays erased.',
    '',
    '  --replace   the database holds events: they are given up; an event store gives up nothing, see docs/backup.md',
    '  --in-place  the database was brought back by PostgreSQL itself: does the rest of a restore',
    '  --force     also when the log does not hold, or keys of it are lost',
    '',
    'Example: npm run mobilesync -- backup restore .data/backups/20261122T190000Z --replace',
  ],
  options: { replace: { type: 'boolean' }, 'in-place': { type: 'boolean' }, force: { type: 'boolean' } },
  positionals: { min: 0, max: 1 },
  run: ({ env, print, remark }, { positionals, values }) =>
    runRestore(
      env,
      [
        ...positionals,
        ...['replace', 'in-place', 'force'].flatMap((name) => (values[name] === true ? [`--${name}`] : [])),
      ],
      print,
      remark,
    ),
};
