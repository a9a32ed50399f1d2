import type {
  AccountId,
  CollectionId,
  DeviceKey,
  ExchangeId,
  ItemId,
  Position,
  TenantId,
} from '../../../domain/shared/ids.ts';
import type {
  CauseCount,
  CollectionExchange,
  Exchange,
  ExchangeQuery,
  QuietHour,
  Verdict,
  WithheldItem,
} from '../port.ts';

export const exchangeColumns = `id, tenant, account, device, at, duration_ms, waited_ms, command, version, http_status,
  status, request_bytes, answer_bytes, position, collections, verdicts, causes, app_version, mapping_version, has_body`;

export interface ExchangeRow {
  id: ExchangeId;
  tenant: TenantId;
  account: AccountId;
  device: DeviceKey;
  at: Date;
  duration_ms: number;
  waited_ms: number;
  command: string;
  version: number;
  http_status: number;
  status: number | null;
  request_bytes: number;
  answer_bytes: number;
  position: Position;
  collections: readonly CollectionExchange[];
  verdicts: readonly Verdict[];
  causes: readonly string[];
  app_version: string;
  mapping_version: number;
  has_body: boolean;
}

export function exchangeOf(row: ExchangeRow): Exchange {
  return {
    id: row.id,
    tenant: row.tenant,
    account: row.account,
    device: row.device,
    at: row.at.toISOString(),
    durationMs: row.duration_ms,
    waitedMs: row.waited_ms,
    command: row.command,
    version: row.version,
    httpStatus: row.http_status,
    status: row.status,
    requestBytes: row.request_bytes,
    answerBytes: row.answer_bytes,
    position: row.position,
    collections: row.collections,
    verdicts: row.verdicts,
    causes: row.causes,
    appVersion: row.app_version,
    mappingVersion: row.mapping_version,
    hasBody: row.has_body,
  };
}

/** The first id of an instant: ids are in the order of time (RFC 9562 §5.7), so a span of time is one of ids. */
export function firstIdOf(at: string): ExchangeId {
  const hex = Math.max(0, Date.parse(at)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000` as ExchangeId;
}

/** A text for each combination of questions, so that each is planned with the index that serves it. */
export function listStatement(query: ExchangeQuery): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  const all: string[] = [];
  const where = (condition: string, value: unknown): void => {
    values.push(value);
    all.push(condition.replace('?', `$${values.length}`));
  };
  if (query.device !== undefined) where('device = ?', query.device);
  if (query.account !== undefined) where('account = ?', query.account);
  if (query.tenant !== undefined) where('tenant = ?', query.tenant);
  if (query.from !== undefined) where('id >= ?', firstIdOf(query.from));
  if (query.to !== undefined) where('id < ?', firstIdOf(query.to));
  if (query.suspicious) all.push(`verdicts <> '{}'`);
  if (query.withBody) all.push('has_body');
  if (query.after !== undefined) where(query.newestFirst ? 'id < ?' : 'id > ?', query.after);
  values.push(query.limit);
  const condition = all.length > 0 ? `where ${all.join(' and ')}` : '';
  const order = query.newestFirst ? 'order by id desc' : 'order by id';
  return { text: `select ${exchangeColumns} from exchange ${condition} ${order} limit $${values.length}`, values };
}

export const causesStatement = `
  select cause, count(*) as times, count(distinct device) as devices, min(at) as first_at, max(at) as last_at,
    (array_agg(id order by id desc))[1] as example
  from exchange, unnest(causes) as cause
  where verdicts <> '{}' and id >= $1 and ($2::text is null or tenant = $2) and ($3::text is null or account = $3)
  group by cause order by times desc, cause`;

export interface CauseRow {
  cause: string;
  times: number;
  devices: number;
  first_at: Date;
  last_at: Date;
  example: ExchangeId;
}

export function causeCountOf(row: CauseRow): CauseCount {
  const { cause, times, devices, example } = row;
  return { cause, times, devices, firstAt: row.first_at.toISOString(), lastAt: row.last_at.toISOString(), example };
}

export const withheldStatement = `
  select tenant, account, device, collection, item, reason, first_at, last_at, times, exchange
  from exchange_withheld where tenant = $1 and device = $2 and ($3::text is null or item = $3)
  order by last_at desc limit 1000`;

export const withheldSinceStatement = `
  select tenant, account, device, collection, item, reason, first_at, last_at, times, exchange
  from exchange_withheld
  where last_at >= $1 and ($2::text is null or tenant = $2) and ($3::text is null or account = $3)
  order by last_at desc limit $4`;

export interface WithheldRow {
  tenant: TenantId;
  account: AccountId;
  device: DeviceKey;
  collection: CollectionId;
  item: ItemId;
  reason: Buffer | null;
  first_at: Date;
  last_at: Date;
  times: number;
  exchange: ExchangeId;
}

export function withheldOf(row: WithheldRow, reason: string | null): WithheldItem {
  const { tenant, account, device, collection, item, times, exchange } = row;
  const [firstAt, lastAt] = [row.first_at.toISOString(), row.last_at.toISOString()];
  return { tenant, account, device, collection, item, reason, firstAt, lastAt, times, exchange };
}

export const quietStatement = `
  select device, command, first_at, last_at, times from exchange_quiet
  where tenant = $1 and device = $2 and hour >= $3 order by hour desc, command limit 2000`;

export interface QuietRow {
  device: DeviceKey;
  command: string;
  first_at: Date;
  last_at: Date;
  times: number;
}

export function quietHourOf({ device, command, first_at, last_at, times }: QuietRow): QuietHour {
  return { device, command, firstAt: first_at.toISOString(), lastAt: last_at.toISOString(), times };
}
