/** What a backup holds: everything that is not made of events, and the events. */

export interface StoredTable {
  readonly name: string;
  /** A column's value where it is not what the table holds. */
  readonly instead?: Readonly<Record<string, string>>;
}

/** In the order in which they are written back. `data_keys` has a file of its own. */
export const storedTables: readonly StoredTable[] = [
  { name: 'tenants' },
  { name: 'streams' },
  { name: 'events' },
  { name: 'blobs' },
  { name: 'log_anchors' },
  // Bodies of exchanges are kept for days and hold many people's and items' words under one key: they stay out.
  { name: 'exchange', instead: { has_body: 'false' } },
  { name: 'exchange_quiet' },
  { name: 'exchange_watch_all' },
];

/** The events, and what is counted of them: of another store where that is the log. */
export const logTableNames: ReadonlySet<string> = new Set(['tenants', 'streams', 'events']);

/** Neither backed up nor made of events: what they hold is of short use, or said anew at the next start. */
export const leftOutTables: readonly string[] = [
  'exchange_body',
  'exchange_withheld',
  'log_home',
  'restore_under_way',
  'node',
  'tenant_owner',
  'office_poll',
];

export const keysTable = 'data_keys';
