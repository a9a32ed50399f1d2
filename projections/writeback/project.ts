import { sql } from 'kysely';
import { LRUCache } from 'lru-cache';
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import { idOfStream } from '../../domain/account/stream.ts';
import type { AccountId, ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import { type LinkEvent, parseLinkStream } from '../../domain/writeback/events.ts';
import { type Intent, react } from '../../domain/writeback/react.ts';
import type { Page, Projection } from '../runner/projection.ts';
import { writeBackMigration } from './table.ts';

/** The worker listens to this topic. */
export const writeBackTopic = 'writeback';

interface Wanted {
  readonly event: RecordedEvent;
  readonly intent: Intent;
}

interface Settled {
  readonly item: ItemId;
  readonly revision: number;
}

/** Whether accounts of a tenant have an office, as the log tells up to the position. */
interface Known {
  readonly at: Position;
  readonly connected: Map<AccountId, boolean>;
}

const tenantsMax = 1_000;
const accountsMax = 10_000;

/** Intents of whom has an office. That is kept at hand while this process folds every page itself, and else read. */
export function writeBackIntents(): Projection {
  const knownOf = new LRUCache<TenantId, Known>({ max: tenantsMax });
  return {
    name: 'writeback',
    version: 1,
    migrations: [writeBackMigration],
    async project(page) {
      const { tenant, events } = page;
      const intents: Wanted[] = [];
      const settled = new Map<ItemId, number>();
      const changed = new Map<AccountId, boolean>();
      const asked = new Set<AccountId>();
      for (const event of events) {
        const account = idOfStream(event.stream, 'account');
        if (account) {
          if (event.type === 'OfficeConnected') changed.set(account, true);
          if (event.type === 'OfficeDisconnected' || event.type === 'AccountRemoved' || event.type === 'Forgotten')
            changed.set(account, false);
          continue;
        }
        const outcome = settledBy(event);
        if (outcome) settled.set(outcome.item, outcome.revision);
        const intent = react({ stream: event.stream, type: event.type, actor: event.meta.actor });
        if (!intent) continue;
        intents.push({ event, intent });
        if (intent.account) asked.add(intent.account);
      }
      const kept = knownOf.get(tenant);
      const known =
        kept?.at === page.from && kept.connected.size < accountsMax ? kept.connected : new Map<AccountId, boolean>();
      const news = new Map(changed);
      await readConnected(
        page,
        [...asked].filter((account) => !news.has(account) && !known.has(account)),
        news,
      );
      const isConnected = (account: AccountId) => news.get(account) ?? known.get(account) ?? false;

      writeConnected(page, changed);
      // People without an office have items too: those concern nobody else.
      const wanted = intents.filter(({ intent }) => intent.account === null || isConnected(intent.account));
      insert(page, wanted, settled);
      settle(page, settled);
      const last = events.at(-1);
      if (last) {
        page.written(() => {
          for (const [account, is] of news) known.set(account, is);
          knownOf.set(tenant, { at: last.position, connected: known });
        });
      }
      const lastWanted = wanted.at(-1);
      return lastWanted ? new Map([[writeBackTopic, [lastWanted.event.position as Position]]]) : undefined;
    },
  };
}

/**
 * What the office confirmed settles the intents it took in, also when the rows are made anew from the log. A refusal
 * does not: the item must still get back what the office holds.
 */
function settledBy(recorded: RecordedEvent): Settled | undefined {
  const item = parseLinkStream(recorded.stream);
  if (!item) return undefined;
  const event = { type: recorded.type, data: recorded.data } as LinkEvent;
  return event.type === 'WriteBackConfirmed' ? { item, revision: event.data.itemRevision } : undefined;
}

function writeConnected(page: Page, changed: ReadonlyMap<AccountId, boolean>): void {
  if (changed.size === 0) return;
  const { tenant } = page;
  const named = (is: boolean) => [...changed].flatMap(([account, value]) => (value === is ? [account] : []));
  page.later(sql`delete from writeback_account where tenant = ${tenant} and account = any(${named(false)}::text[])`);
  page.later(sql`
    insert into writeback_account (tenant, account) select ${tenant}, unnest(${named(true)}::text[])
    on conflict do nothing`);
}

async function readConnected(
  { tenant, read }: Page,
  asked: readonly AccountId[],
  connected: Map<AccountId, boolean>,
): Promise<void> {
  if (asked.length === 0) return;
  const { rows } = await sql<{ account: AccountId }>`
    select account from writeback_account where tenant = ${tenant} and account = any(${asked}::text[])
  `.execute(read);
  for (const account of asked) connected.set(account, false);
  for (const { account } of rows) connected.set(account, true);
}

/** What the same page settles is born settled: `settle` sees only the rows there were before. */
function insert(page: Page, intents: readonly Wanted[], settled: ReadonlyMap<ItemId, number>): void {
  if (intents.length === 0) return;
  const isSettled = ({ event, intent }: Wanted) => event.revision <= (settled.get(intent.item) ?? -1);
  page.later(sql`
    insert into writeback_intent (event_id, tenant, item, kind, account, revision, position, outcome)
    select n.event_id, ${page.tenant}, n.item, n.kind, n.account, n.revision, n.position, n.outcome from unnest(
      ${intents.map(({ event }) => event.id)}::uuid[],
      ${intents.map(({ intent }) => intent.item)}::text[],
      ${intents.map(({ intent }) => intent.kind)}::text[],
      ${intents.map(({ intent }) => intent.account)}::text[],
      ${intents.map(({ event }) => event.revision)}::integer[],
      ${intents.map(({ event }) => event.position)}::bigint[],
      ${intents.map((one) => (isSettled(one) ? 'done' : null))}::text[])
      as n(event_id, item, kind, account, revision, position, outcome)
    on conflict (event_id) do nothing`);
}

function settle(page: Page, settled: ReadonlyMap<ItemId, number>): void {
  if (settled.size === 0) return;
  page.later(sql`
    update writeback_intent i set outcome = 'done', reason = null, lease_until = 0
    from unnest(${[...settled.keys()]}::text[], ${[...settled.values()]}::integer[]) as n(item, revision)
    where i.tenant = ${page.tenant} and i.item = n.item and i.revision <= n.revision and i.outcome is null`);
}
