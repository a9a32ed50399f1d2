/** Every migration there is. A projection or an adapter adds its own here; names sort in the order they run. */
import { accountsMigration } from '../../../projections/accounts/table.ts';
import { conflictsMigration } from '../../../projections/conflicts/table.ts';
import { devicesMigration, deviceWatchMigration } from '../../../projections/devices/table.ts';
import { foldersMigration } from '../../../projections/folders/table.ts';
import { heldBatchesMigration } from '../../../projections/held-batches/table.ts';
import { itemLogMigration } from '../../../projections/item-log/table.ts';
import { itemViewMigration } from '../../../projections/item-view/table.ts';
import { officeBaselineMigration } from '../../../projections/office-baseline/table.ts';
import { checkpointMigration } from '../../../projections/runner/checkpoints.ts';
import { syncMigration } from '../../../projections/sync/table.ts';
import { writeBackMigration } from '../../../projections/writeback/table.ts';
import { restoreMigration } from '../../backup/under-way.ts';
import { blobsMigration } from '../../blobs/migration.ts';
import { nodesMigration } from '../../cluster/postgres/nodes/migration.ts';
import { dataKeysMigrations } from '../../crypto/postgres/migrations.ts';
import { logAnchorsMigration } from '../../event-log/anchors/table.ts';
import { eventLogMigrations } from '../../event-log/postgres/migrations.ts';
import { exchangeRecordMigration } from '../../exchange-record/postgres/migration.ts';
import { logHomeMigration } from '../../log-copy/home.ts';
import { officePollMigration } from '../../office-sync/timetable.ts';
import type { NamedMigration } from '../migrate.ts';

export const migrations: readonly NamedMigration[] = [
  ...eventLogMigrations,
  ...dataKeysMigrations,
  blobsMigration,
  exchangeRecordMigration,
  nodesMigration,
  officePollMigration,
  logAnchorsMigration,
  restoreMigration,
  logHomeMigration,
  checkpointMigration,
  itemViewMigration,
  syncMigration,
  accountsMigration,
  devicesMigration,
  deviceWatchMigration,
  foldersMigration,
  officeBaselineMigration,
  writeBackMigration,
  itemLogMigration,
  heldBatchesMigration,
  conflictsMigration,
];
