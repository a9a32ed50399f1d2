/** Every command of `mobilesync`, in the order of its help. */
import type { CliCommand } from '../command.ts';
import { anchorCommand, migrateCommand, rebuildCommand, verifyCommand } from './log.ts';
import { readModelsCommand } from './read-models.ts';

export const commands: readonly CliCommand[] = [
  verifyCommand,
  anchorCommand,
  readModelsCommand,
  rebuildCommand,
  migrateCommand,
];
