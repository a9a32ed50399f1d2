/** Every command of `mobilesync`, in the order of its help. */
import type { CliCommand } from '../command.ts';
import { backupCommand, backupRestoreCommand } from './backup.ts';
import { brakesCommand } from './brakes.ts';
import { conflictsCommand, conflictsReplayCommand, decideCommand } from './conflicts.ts';
import { conversationCommand, devicesCommand, resyncCommand } from './conversations.ts';
import { eraseCommand, erasuresCommand } from './erase.ts';
import { exchangeCommand, exchangesCommand } from './exchanges.ts';
import { exportCommand } from './export.ts';
import { failuresCommand } from './failures.ts';
import { findCommand } from './find.ts';
import { firstSyncsCommand } from './first-syncs.ts';
import { discardCommand, heldCommand, releaseCommand } from './held.ts';
import { historyCommand } from './history.ts';
import { anchorCommand, migrateCommand, rebuildCommand, verifyCommand } from './log.ts';
import { logCopyCommand, logUnsealCommand } from './log-copy.ts';
import { duplicatesCommand, mergesCommand, unmergeCommand } from './merges.ts';
import { nodesCommand } from './nodes.ts';
import { readModelsCommand } from './read-models.ts';
import { replayCommand, shadowCommand } from './replay.ts';
import { restoreCommand, revertCommand, undoCommand } from './restoring.ts';
import { stateDeviceCommand, stateFolderCommand, stateItemCommand } from './state.ts';
import { watchCommand } from './watch.ts';
import { whyCommand } from './why.ts';

export const commands: readonly CliCommand[] = [
  historyCommand,
  findCommand,
  stateItemCommand,
  stateFolderCommand,
  stateDeviceCommand,
  restoreCommand,
  revertCommand,
  undoCommand,
  conflictsCommand,
  decideCommand,
  conflictsReplayCommand,
  devicesCommand,
  conversationCommand,
  resyncCommand,
  firstSyncsCommand,
  duplicatesCommand,
  mergesCommand,
  unmergeCommand,
  heldCommand,
  releaseCommand,
  discardCommand,
  brakesCommand,
  failuresCommand,
  exchangesCommand,
  exchangeCommand,
  whyCommand,
  replayCommand,
  shadowCommand,
  watchCommand,
  verifyCommand,
  logCopyCommand,
  logUnsealCommand,
  anchorCommand,
  exportCommand,
  eraseCommand,
  erasuresCommand,
  backupCommand,
  backupRestoreCommand,
  nodesCommand,
  readModelsCommand,
  rebuildCommand,
  migrateCommand,
];
