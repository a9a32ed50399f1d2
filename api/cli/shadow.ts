/** `mobilesync shadow`: recorded traffic run against this build, on the database itself, which it only reads. */

import { NEVER } from 'rxjs';
import { PostgresBlobStore } from '../../adapters/blobs/postgres.ts';
import { postgresExchanges } from '../../adapters/exchange-record/postgres/store.ts';
import { createKysely } from '../../adapters/postgres/kysely.ts';
import { Replays, type Since } from '../../adapters/replay/replays.ts';
import { AccountsReader } from '../../projections/accounts/read.ts';
import { DevicesReader } from '../../projections/devices/read.ts';
import { ItemLogReader } from '../../projections/item-log/read.ts';
import { PastRowsReader } from '../../projections/item-view/past.ts';
import { ItemViewReader } from '../../projections/item-view/read.ts';
import type { AnyDatabase } from '../../projections/runner/projection.ts';
import { SyncViewReader } from '../../projections/sync/read.ts';
import { ConfigError, readConfig } from '../config.ts';
import { derivedSecret } from '../master-key.ts';
import { createSandbox } from '../sandbox.ts';
import { Directory } from '../services/directory.ts';
import { Names } from '../services/names.ts';
import { type ReplayLine, ReplayService } from '../services/replays.ts';
import type { CliEnvironment, Print } from './command-line.ts';
import { openStore } from './open-store.ts';

/** What is run: one person's exchanges when told, of a span of time. */
export interface ShadowOptions {
  readonly email?: string;
  readonly from: string;
  readonly to: string;
}

/** Also beside a running server. @throws ConfigError */
export async function* shadow(env: CliEnvironment, options: ShadowOptions, remark: Print): AsyncIterable<ReplayLine> {
  const opened = await openStore(env, { applicationName: 'mobilesync shadow', max: 4, isReadOnly: true, log: remark });
  const { pool, keys, stored } = opened;
  try {
    const db = createKysely<AnyDatabase>(pool);
    const directory = new Directory({ store: stored, reader: new AccountsReader(db), projected: NEVER });
    const sources = {
      ...{
        stored,
        keys,
        blobs: new PostgresBlobStore(pool),
        syncKeySecret: derivedSecret(opened.masterKey, 'sync keys'),
      },
      ...{ itemView: new ItemViewReader(db), syncView: new SyncViewReader(db), rows: new PastRowsReader(db) },
      devices: new DevicesReader(db),
      itemLog: new ItemLogReader(db),
      massDeletes: readConfig({ ...env }).massDeletes,
    };
    const record = postgresExchanges({ pool, keys });
    const replays = new Replays({ record, stored, sandbox: () => createSandbox(sources) });
    yield* new ReplayService(replays, new Names(directory)).everything(await sinceOf(directory, options));
    directory.close();
  } finally {
    await opened.close();
  }
}

async function sinceOf(directory: Directory, { email, from, to }: ShadowOptions): Promise<Since> {
  if (email === undefined) return { from, to };
  const person = await directory.byEmail(email.trim().toLowerCase());
  if (!person) throw new ConfigError(`There is no account ${email}.`);
  return { tenant: person.tenant, account: person.account.id, from, to };
}
