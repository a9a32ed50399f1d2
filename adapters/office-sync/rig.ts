/** For specs: office sync over a log in memory, read models in PostgreSQL, and an office without clock or chance. */
import { randomBytes } from 'node:crypto';
import { accountEvents } from '../../domain/account/events.ts';
import type { Account } from '../../domain/account/state.ts';
import { accountStream, foldersStream } from '../../domain/account/stream.ts';
import { conflictEvents } from '../../domain/conflict/events.ts';
import { folderDecider } from '../../domain/folder/decide.ts';
import { folderEvents } from '../../domain/folder/events.ts';
import type { FolderTree } from '../../domain/folder/state.ts';
import type { ItemCommand } from '../../domain/item/decide.ts';
import { itemEvents } from '../../domain/item/events.ts';
import type { Fields, ItemKind } from '../../domain/item/fields.ts';
import type { AccountId, DeviceKey, ItemId, TenantId, TimeZoneName } from '../../domain/shared/ids.ts';
import { accountSubject } from '../../domain/shared/streams.ts';
import { eventRegistry } from '../../domain/shared/upcast.ts';
import { itemLog } from '../../projections/item-log/project.ts';
import { itemView } from '../../projections/item-view/project.ts';
import { ItemViewReader } from '../../projections/item-view/read.ts';
import { checkpointMigration } from '../../projections/runner/checkpoints.ts';
import type { AnyDatabase } from '../../projections/runner/projection.ts';
import { ProjectionRunner } from '../../projections/runner/runner.ts';
import type { FreshDatabase } from '../../test/postgres.ts';
import type { Folders } from '../activesync/deps.ts';
import { type Clock, virtualClock } from '../clock.ts';
import { keyRing } from '../crypto/key-ring.ts';
import { masterKey } from '../crypto/master-key.ts';
import { memoryKeyTable } from '../crypto/memory.ts';
import { emptyHead } from '../event-log/event-store.port.ts';
import { createEventStore } from '../event-log/event-store.ts';
import { memoryEventLog } from '../event-log/memory.ts';
import { foldPage, runCommand } from '../event-log/run-command.ts';
import { accountIdFrom, commandIdFrom, deviceKeyFrom, itemIdFrom, tenantOf } from '../ids.ts';
import { ItemCommands } from '../items/item-commands.ts';
import { rowOpener } from '../items/open-rows.ts';
import { createLogger } from '../log/logger.ts';
import { FakeOffice, type FakeOfficeCall, type MayFault } from '../office/memory.ts';
import { createKysely } from '../postgres/kysely.ts';
import { migrate } from '../postgres/migrate.ts';
import { migrations } from '../postgres/migrations/index.ts';
import { createOfficeSync, type OfficeSyncOptions, officeSyncEvents, officeSyncProjections } from './index.ts';
import { ownHome } from './places.ts';

export const tenant = 'demo.example' as TenantId;

/** For several rigs on one database. */
export async function emptyTables({ pool }: FreshDatabase): Promise<void> {
  const { rows } = await pool.query<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = 'public'
       and tablename in ('office_baseline', 'writeback_intent', 'writeback_account', 'office_poll', 'item_view', 'item_event', 'projection_checkpoint')`,
  );
  if (rows.length > 0) await pool.query(`truncate ${rows.map(({ name }) => name).join()}`);
}

export interface RigPerson {
  readonly email: string;
  readonly account: AccountId;
  readonly device: DeviceKey;
}

/** @param fault asked before each call of the office. */
export async function createRig(
  database: FreshDatabase,
  options: { fault?: (call: FakeOfficeCall) => MayFault; ruleOf?: 'serverWins' } = {},
) {
  const db = createKysely<AnyDatabase>(database.pool);
  const clock = virtualClock();
  const keys = keyRing({ table: memoryKeyTable(), master: masterKey(randomBytes(32)) });
  const log = memoryEventLog();
  const events = eventRegistry(conflictEvents, itemEvents, accountEvents, folderEvents, officeSyncEvents);
  const store = createEventStore({ log, keys, clock: () => clock.instant(), events });
  const projections = [itemView(keys, () => ({ endsAt: null, open: true })), itemLog(), ...officeSyncProjections()];
  const steps = [checkpointMigration, ...projections.flatMap((one) => one.migrations)];
  const there = new Set(migrations.map(({ name }) => name));
  await migrate(database.pool, [...migrations, ...steps.filter(({ name }) => !there.has(name))]);
  const failures: unknown[] = [];
  const runner = new ProjectionRunner({ db, store, projections, onError: (error) => failures.push(error) });
  await runner.start();

  const office = new FakeOffice({
    nowMs: () => clock.nowMs(),
    fault: (call) => options.fault?.(call),
  });
  const accounts = new Map<string, Account>();
  const items = new ItemCommands(store);
  const view = new ItemViewReader(db);
  const open = rowOpener(keys);

  const folders: Folders = {
    of: async (t, account) =>
      foldPage(folderDecider, (await store.load(t, foldersStream(account))).events) as FolderTree,
    async run(t, account, command, meta) {
      const subject = accountSubject(account);
      const target = { tenant: t, stream: foldersStream(account), subject, owner: subject };
      const result = await runCommand(store, folderDecider, target, command, meta);
      return result.outcome === 'accepted'
        ? { kind: 'done', tree: result.state }
        : { kind: 'refused', reason: result.reason };
    },
  };
  const people = {
    byEmail: async (email: string) => {
      const account = accounts.get(email);
      return account && { tenant: tenantOf(email), account };
    },
    person: async (t: TenantId, id: AccountId) => {
      const account = [...accounts.values()].find((one) => one.id === id);
      return account && { tenant: t, account };
    },
  };
  let count = 0;
  const nonce = () => `nonce${++count}`;
  let life = { isOver: false };
  const make = (more: Partial<OfficeSyncOptions> = {}) => {
    const mine = { isOver: false };
    life = mine;
    const after: Clock['after'] = (delayMs, action) => clock.after(delayMs, () => !mine.isOver && action());
    return createOfficeSync({
      ...{ store, db, runner, people, folders, nonce },
      clock: { ...clock, after },
      offices: { fake: office },
      accounts: async () => [...accounts.values()].map(({ id }) => ({ tenant, account: id })),
      isActive: () => true,
      log: createLogger('silent'),
      pollIntervalMs: 900_000,
      random: () => 0.5,
      ruleOf: () => options.ruleOf ?? 'clientWins',
      ...more,
    });
  };
  let sync = make();

  const settled = async () => {
    const head = await store.head(tenant);
    if (!(await runner.waitFor(tenant, head, 10_000))) throw new Error(`the read models stay behind: ${failures[0]}`);
  };

  return {
    ...{ db, clock, keys, store, log, office, runner, view, failures, folders, settled },
    get sync() {
      return sync;
    },
    /** As after a crash: nothing in memory survives, and no timer goes off. */
    restart() {
      life.isOver = true;
      sync = make();
    },
    /** Another node beside, with the same office, log and rows, and a memory of its own. */
    beside: make,
    async person(email: string): Promise<RigPerson> {
      const account = accountIdFrom(tenant, email);
      const login = { system: 'fake', username: email, password: 'secret' };
      office.addPerson({ email, password: 'secret' });
      accounts.set(email, {
        ...{ kind: 'account', id: account, email, displayName: undefined, aliases: [], features: [] },
        ...{ timeZone: 'Europe/Oslo' as TimeZoneName, policy: 'none', passwordHash: undefined, passwordGeneration: 0 },
        office: login,
      });
      const subject = accountSubject(account);
      const meta = {
        at: clock.instant(),
        actor: { kind: 'admin' },
        commandId: commandIdFrom(['connect', email]),
      } as const;
      await store.append(tenant, [
        {
          ...{ stream: accountStream(account), head: emptyHead, subject, owner: subject },
          events: [{ event: { type: 'OfficeConnected', version: 1, data: login }, meta }],
        },
      ]);
      return { email, account, device: deviceKeyFrom(account, 'phone') };
    },
    crawl: (who: RigPerson, withOwners = true) => sync.crawl.run(tenant, who.account, { withOwners }),
    /** Works on all write-backs that are due or become due within the hour. */
    async writeBack() {
      await settled();
      for (let round = 0; round < 30; round++) {
        await sync.writeBack.runDue();
        await settled();
        const due = await sync.writeBack.nextDueMs();
        if (due === undefined || due > clock.nowMs() + 3_700_000) return;
        if (due > clock.nowMs()) clock.advance(due - clock.nowMs());
      }
    },
    async onPhone(who: RigPerson, kind: ItemKind, item: ItemId, command: ItemCommand, owner = who.account) {
      const actor = { kind: 'device', account: who.account, device: who.device } as const;
      const commandId = commandIdFrom(['phone', item, nonce()]);
      const [result] = await items.execute(tenant, [
        { item, kind, commandId, actor, at: clock.instant(), owner, command },
      ]);
      return result!;
    },
    async addOnPhone(who: RigPerson, kind: ItemKind, fields: Fields, owner = who.account): Promise<ItemId> {
      const item = itemIdFrom(commandIdFrom(['phone-add', nonce()]));
      const command = { do: 'add', kind, owner, collection: ownHome(owner, kind), fields } as const;
      await this.onPhone(who, kind, item, command, owner);
      return item;
    },
    changeOnPhone(who: RigPerson, kind: ItemKind, item: ItemId, set: Fields, cleared: string[] = []) {
      return this.onPhone(who, kind, item, { do: 'change', patch: { set, cleared }, base: null, rule: 'serverWins' });
    },
    removeOnPhone(who: RigPerson, kind: ItemKind, item: ItemId) {
      return this.onPhone(who, kind, item, { do: 'remove', base: null, rule: 'serverWins' });
    },
    /** What the phones of the owner see of a folder, by item. */
    async shown(owner: AccountId, kind: ItemKind): Promise<Map<ItemId, Fields>> {
      await settled();
      const rows = (await view.changedSince(tenant, ownHome(owner, kind), 0 as never, 100_000)).filter(
        (r) => !r.deleted,
      );
      return await open(tenant, rows);
    },
    history: (kind: ItemKind, item: ItemId) => items.history(tenant, kind, item),
    async link(item: ItemId) {
      return (await store.load(tenant, `writeback-${item}` as never)).events;
    },
    head: () => store.head(tenant),
    async close() {
      await sync.stop();
      await runner.stop();
    },
  };
}

export type Rig = Awaited<ReturnType<typeof createRig>>;
