/** Every migration there is. A projection or an adapter adds its own list here; names sort in the order they run. */
import { dataKeysMigrations } from '../../crypto/postgres/migrations.ts';
import { eventLogMigrations } from '../../event-log/postgres/migrations.ts';
import type { NamedMigration } from '../migrate.ts';

export const migrations: readonly NamedMigration[] = [...eventLogMigrations, ...dataKeysMigrations];
