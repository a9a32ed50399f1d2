/** Every command of `mobilesync`, in the order of its help. */
import type { CliCommand } from '../command.ts';
import { historyCommand } from './history.ts';
import { migrateCommand, rebuildCommand, verifyCommand } from './log.ts';
import { readModelsCommand } from './read-models.ts';

export const commands: readonly CliCommand[] = [
  historyCommand,
  verifyCommand,
  readModelsCommand,
  rebuildCommand,
  migrateCommand,
];
