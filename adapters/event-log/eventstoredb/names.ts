/**
 * The streams of the store that hold one log. All begin with the log's prefix; those of the tenants alone go on with a
 * hyphen, so a filter by `<prefix>-` hears the truth and none of its indexes.
 *
 *     <prefix>-<tenant>                 the events: what is here is stored, and its order is the order of the log
 *     <prefix>stream-<tenant>/<stream>  links to the events of one stream; link r points to its revision r
 *     <prefix>page-<tenant>             ids of the events and names of the streams that began, 512 events a page
 *     <prefix>aside-<tenant>/<hash>     a payload that did not fit into its append
 *     <prefix>tenants                   which tenants there are
 */
import { v5 as uuidV5 } from 'uuid';
import type { StreamName, TenantId } from '../../../domain/shared/ids.ts';

const defaultPrefix = 'mobilesync';

export interface LogNames {
  /** What the names of all tenants' streams begin with, and no others. */
  readonly tenantPrefix: string;
  readonly tenants: string;
  tenant(tenant: TenantId): string;
  /** Undefined when the name is none of a tenant's stream. */
  tenantOf(name: string): TenantId | undefined;
  stream(tenant: TenantId, stream: StreamName): string;
  pages(tenant: TenantId): string;
  aside(tenant: TenantId, hash: string): string;
}

/**
 * @param prefix letters and digits: a hyphen would end the category that the store sees in a name.
 * @throws RangeError also for one that could be another log's prefix with what its indexes are named by.
 */
export function logNames(prefix: string = defaultPrefix): LogNames {
  if (!/^[a-z][a-z0-9]{0,40}$/.test(prefix)) throw new RangeError('a prefix has small letters and digits only');
  const [index] = /(stream|page|aside|tenants)$/.exec(prefix) ?? [];
  if (index) throw new RangeError(`a prefix does not end with ${index}: the indexes of another log are named so`);
  const tenantPrefix = `${prefix}-`;
  return {
    tenantPrefix,
    tenants: `${prefix}tenants`,
    tenant: (tenant) => tenantPrefix + tenant,
    tenantOf: (name) => (name.startsWith(tenantPrefix) ? (name.slice(tenantPrefix.length) as TenantId) : undefined),
    stream: (tenant, stream) => `${prefix}stream-${tenant}/${stream}`,
    pages: (tenant) => `${prefix}page-${tenant}`,
    aside: (tenant, hash) => `${prefix}aside-${tenant}/${hash}`,
  };
}

const namespace = 'f1b6c1c9-4c4e-5c0c-9a0d-6f5a2d3b7e11';

/** The id of a record that any node may write and all write alike: the store takes a second one for the first. */
export const recordId = (stream: string, revision: number | string): string =>
  uuidV5(`${stream}\n${revision}`, namespace);
