import { sql, type Transaction } from 'kysely';
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import { idOfStream } from '../../domain/account/stream.ts';
import type { AccountId, ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import { type LinkEvent, parseLinkStream } from '../../domain/writeback/events.ts';
import { type Intent, react } from '../../domain/writeback/react.ts';
import type { AnyDatabase, Projection } from '../runner/projection.ts';
import { writeBackMigration } from './table.ts';

/** The worker listens to this topic. */
export const writeBackTopic = 'writeback';

interface Settled {
  readonly item: ItemId;
  readonly revision: number;
}

export function writeBackIntents(): Projection {
  return {
    name: 'writeback',
    version: 1,
    migrations: [writeBackMigration],
    async project(trx, tenant, events) {
      const intents: { event: RecordedEvent; intent: Intent }[] = [];
      const settled: Settled[] = [];
      const connected = new Map<AccountId, boolean>();
      const asked = new Set<AccountId>();
      for (const event of events) {
        const account = idOfStream(event.stream, 'account');
        if (account) {
          if (event.type === 'OfficeConnected') connected.set(account, true);
          if (event.type === 'OfficeDisconnected' || event.type === 'AccountRemoved' || event.type === 'Forgotten')
            connected.set(account, false);
          continue;
        }
        const outcome = settledBy(event);
        if (outcome) settled.push(outcome);
        const intent = react({ stream: event.stream, type: event.type, actor: event.meta.actor });
        if (!intent) continue;
        intents.push({ event, intent });
        if (intent.account && !connected.has(intent.account)) asked.add(intent.account);
      }
      await writeConnected(trx, tenant, connected);
      const wanted = await ofConnected(trx, tenant, intents, connected, asked);
      await insert(trx, tenant, wanted);
      await settle(trx, tenant, settled);
      const last = wanted.at(-1);
      return last ? new Map([[writeBackTopic, [last.event.position as Position]]]) : undefined;
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

async function writeConnected(
  trx: Transaction<AnyDatabase>,
  tenant: TenantId,
  connected: ReadonlyMap<AccountId, boolean>,
): Promise<void> {
  if (connected.size === 0) return;
  const named = (is: boolean) => [...connected].flatMap(([account, value]) => (value === is ? [account] : []));
  await sql`delete from writeback_account where tenant = ${tenant} and account = any(${named(false)}::text[])`.execute(
    trx,
  );
  await sql`
    insert into writeback_account (tenant, account) select ${tenant}, unnest(${named(true)}::text[])
    on conflict do nothing`.execute(trx);
}

/** People without an office have items too: those concern nobody else. */
async function ofConnected<T extends { intent: Intent }>(
  trx: Transaction<AnyDatabase>,
  tenant: TenantId,
  intents: readonly T[],
  inPage: ReadonlyMap<AccountId, boolean>,
  asked: ReadonlySet<AccountId>,
): Promise<T[]> {
  if (intents.length === 0) return [];
  const connected = new Set([...inPage].flatMap(([account, is]) => (is ? [account] : [])));
  if (asked.size > 0) {
    const { rows } = await sql<{ account: AccountId }>`
      select account from writeback_account where tenant = ${tenant} and account = any(${[...asked]}::text[])
    `.execute(trx);
    for (const { account } of rows) connected.add(account);
  }
  return intents.filter(({ intent }) => intent.account === null || connected.has(intent.account));
}

async function insert(
  trx: Transaction<AnyDatabase>,
  tenant: TenantId,
  intents: readonly { event: RecordedEvent; intent: Intent }[],
): Promise<void> {
  if (intents.length === 0) return;
  await sql`
    insert into writeback_intent (event_id, tenant, item, kind, account, revision, position)
    select n.event_id, ${tenant}, n.item, n.kind, n.account, n.revision, n.position from unnest(
      ${intents.map(({ event }) => event.id)}::uuid[],
      ${intents.map(({ intent }) => intent.item)}::text[],
      ${intents.map(({ intent }) => intent.kind)}::text[],
      ${intents.map(({ intent }) => intent.account)}::text[],
      ${intents.map(({ event }) => event.revision)}::integer[],
      ${intents.map(({ event }) => event.position)}::bigint[])
      as n(event_id, item, kind, account, revision, position)
    on conflict (event_id) do nothing`.execute(trx);
}

async function settle(trx: Transaction<AnyDatabase>, tenant: TenantId, settled: readonly Settled[]): Promise<void> {
  if (settled.length === 0) return;
  const last = [...new Map(settled.map((one) => [one.item, one])).values()];
  await sql`
    update writeback_intent i set outcome = 'done', reason = null, lease_until = 0
    from unnest(
      ${last.map((one) => one.item)}::text[],
      ${last.map((one) => one.revision)}::integer[]) as n(item, revision)
    where i.tenant = ${tenant} and i.item = n.item and i.revision <= n.revision and i.outcome is null`.execute(trx);
}
