/** Every command of `mobilesync`, in the order of its help. */
import type { CliCommand } from '../command.ts';
import { historyCommand } from './history.ts';
import { anchorCommand, migrateCommand, rebuildCommand, verifyCommand } from './log.ts';
import { readModelsCommand } from './read-models.ts';

export const commands: readonly CliCommand[] = [
  historyCommand,
  verifyCommand,
  anchorCommand,
  readModelsCommand,
  rebuildCommand,
  migrateCommand,
];
