/** Where anchors are kept. There are two places, so that one is left when somebody rewrites the other. */
import type { TenantId } from '../../../domain/shared/ids.ts';
import type { Anchor } from './anchor.ts';

export type AnchorPlaceName = 'database' | 'directory';

export interface AnchorPlace {
  readonly name: AnchorPlaceName;
  /** The tenant's anchors in the order they were made; what is no anchor is left out and told. */
  read(tenant: TenantId): Promise<Anchor[]>;
  /** Those that were written here after the one with this MAC, in order; undefined where that is not here. */
  readAfter(tenant: TenantId, mac: string): Promise<Anchor[] | undefined>;
  /** Durable when it resolves. */
  append(anchors: readonly Anchor[]): Promise<void>;
  /** Every tenant that has anchors here. */
  tenants(): Promise<TenantId[]>;
}
