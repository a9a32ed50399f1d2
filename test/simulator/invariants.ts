/** What must hold when a simulated world has come to rest. Each returns what is wrong, in words. */
import { sql } from 'kysely';
import { Renderer } from '../../adapters/activesync/conversation/renderer.ts';
import { AirSync } from '../../adapters/activesync/wbxml/code-pages/index.ts';
import { decodeWbxml } from '../../adapters/activesync/wbxml/decode.ts';
import { Writer } from '../../adapters/activesync/wbxml/writer.ts';
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import { itemClasses } from '../../api/engine.ts';
import { equal } from '../../domain/conflict/paths.ts';
import type { ItemKind } from '../../domain/item/fields.ts';
import type { MergeEventData } from '../../domain/matching/events.ts';
import type { CollectionId, ItemId, TenantId } from '../../domain/shared/ids.ts';
import { itemStream } from '../../domain/shared/streams.ts';
import { defaultOptions } from '../../domain/sync/events.ts';
import { ProjectionRunner } from '../../projections/runner/runner.ts';
import { fieldsOf } from '../world/examples.ts';
import type { World } from '../world/world.ts';
import type { SimulatedWorld } from './simulated-world.ts';
import type { UserPhone } from './user-phone.ts';

/**
 * Every phone holds what the view shows, item by item and field by field; what a restored log lost and nobody spoke of
 * since is on phones alone.
 */
export async function phonesConverged(
  { world, lost }: SimulatedWorld,
  phones: readonly UserPhone[],
): Promise<string[]> {
  const wrong: string[] = [];
  for (const user of phones) {
    const { session } = user.phone;
    for (const [collection, kind] of user.kinds) {
      const rows = await world.engine.itemView.outline(session.tenant, collection as CollectionId);
      const full = await world.engine.itemView.byItems(
        session.tenant,
        collection as CollectionId,
        rows.map(({ item }) => item),
      );
      const shown = await world.engine.deps.open(session.tenant, full);
      const held = user.phone.folder(collection).items;
      const who = `${session.deviceId} ${kind}`;
      for (const item of held.keys())
        if (!shown.has(item as ItemId) && !lost.has(item)) wrong.push(`${who}: holds ${item}, which is gone`);
      const renderer = new Renderer(itemClasses[kind], session, defaultOptions, false);
      for (const [item, fields] of shown) {
        const data = held.get(item);
        if (!data) {
          wrong.push(`${who}: lacks ${item}`);
          continue;
        }
        const document = new Writer().open(AirSync.Sync).fragment(renderer.render(fields).fragment).close().finish();
        const decoded = decodeWbxml(document);
        if (!decoded.ok) throw new Error(decoded.reason);
        const wanted = fieldsOf(kind, decoded.root.children[0]!, session.version);
        const got = fieldsOf(kind, data, session.version);
        if (!equal(wanted, got)) wrong.push(`${who}: ${item} is ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);
      }
    }
  }
  return wrong;
}

/**
 * Every mark that a phone was told is stored stands in its item's history: as it is, overwritten later, or kept; unless
 * the item was erased.
 */
export async function nothingLost({ world, erased }: SimulatedWorld, phones: readonly UserPhone[]): Promise<string[]> {
  const wrong: string[] = [];
  for (const user of phones) {
    const { tenant } = user.phone.session;
    for (const { kind, serverId, mark } of user.acknowledged) {
      if (erased.has(serverId)) continue;
      const history = await lifeOf(world, tenant, kind, serverId as ItemId);
      if (!history.some(({ data }) => JSON.stringify(data).includes(JSON.stringify(mark)))) {
        wrong.push(`${mark} of ${user.phone.session.deviceId} is nowhere in ${itemStream(kind, serverId as ItemId)}`);
      }
    }
  }
  return wrong;
}

/** What a phone brought and was here already stands in the life of that item. */
async function lifeOf(world: World, tenant: TenantId, kind: ItemKind, item: ItemId): Promise<RecordedEvent[]> {
  const history = await world.engine.items.history(tenant, kind, item);
  const to = history.find(({ type }) => type === 'ItemForwarded')?.data as MergeEventData['ItemForwarded'] | undefined;
  return to ? [...history, ...(await lifeOf(world, tenant, kind, to.to))] : history;
}

/** So long after a restore it is reckoned with that a device holds what comes anew (`mayHoldLost`). */
const returnsWithinMs = 14 * 86_400_000;

export function noComplaints({ nowMs, restoredAtMs }: SimulatedWorld, phones: readonly UserPhone[]): string[] {
  const isLongRestored = nowMs - restoredAtMs >= returnsWithinMs;
  return phones.flatMap(({ phone, wasResynced, isRestoredFor }) =>
    phone.complaints
      .filter((text) => !(wasResynced || isRestoredFor) || !text.endsWith('to what it is'))
      .filter((text) => !isRestoredFor || !/^(Change|Delete) of .* not held$/.test(text))
      .filter((text) => !isRestoredFor || !isLongRestored || !/^Add of .* held$/.test(text))
      .map((text) => `${phone.session.deviceId}: ${text}`),
  );
}

const tables = ['item_view', 'sync_conversation', 'device_known', 'held_batch', 'item_event', 'item_conflict'] as const;

/** Read models folded anew from the log are the same, row by row. Sealed columns are compared opened. */
export async function rebuildEqualsLive(simulated: SimulatedWorld, tenant: TenantId): Promise<string[]> {
  const { world } = simulated;
  const live = await snapshot(world, tenant);
  for (const table of [...tables, 'projection_checkpoint']) {
    await sql`delete from ${sql.table(table)} where tenant = ${tenant}`.execute(world.db);
  }
  const runner = new ProjectionRunner({
    db: world.db,
    store: world.store,
    projections: simulated.projections(world.keys),
    pageSize: 37,
    onError: (error) => world.errors.push(error),
  });
  await runner.catchUp(tenant);
  await runner.stop();
  const rebuilt = await snapshot(world, tenant);
  return tables.flatMap((table) =>
    live.get(table) === rebuilt.get(table) ? [] : [`${table} differs after a rebuild`],
  );
}

async function snapshot(world: World, tenant: TenantId): Promise<Map<string, string>> {
  const shots = new Map<string, string>();
  for (const table of tables) {
    const { rows } = await sql<Record<string, unknown>>`
      select * from ${sql.table(table)} where tenant = ${tenant}
    `.execute(world.db);
    if (table === 'item_view') {
      const opened = await world.engine.deps.open(tenant, rows as never);
      for (const row of rows) row.content = opened.get(row.item as ItemId) ?? null;
    }
    shots.set(
      table,
      rows
        .map((row) => JSON.stringify(row))
        .sort()
        .join('\n'),
    );
  }
  return shots;
}
