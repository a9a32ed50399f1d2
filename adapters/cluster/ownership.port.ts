/**
 * Which of several nodes does the work of a tenant that one is enough for: projecting, crawling, writing back. It keeps
 * work from being done twice and is not what makes it right: that stay checkpoints and expected revisions.
 */
import { NEVER, type Observable } from 'rxjs';
import type { TenantId } from '../../domain/shared/ids.ts';

export interface OwnershipChange {
  readonly tenants: readonly TenantId[];
  /** Gained or lost by this node. */
  readonly isMine: boolean;
}

/** Work in a tenant that must not begin on another node before it has ended here. */
export interface Hold {
  /** False once another node may have taken over: nothing with an effect may be begun any more. */
  isValid(): boolean;
  release(): void;
}

export interface Ownership {
  /** Never true on two nodes at a time. Asks nobody. */
  isMine(tenant: TenantId): boolean;
  /** Takes a tenant that nobody has yet, such as a new one; true when it is this node's. Asks once, not every time. */
  claim(tenant: TenantId): Promise<boolean>;
  /** Undefined where the tenant is another node's, or waits to be handed to one. */
  hold(tenant: TenantId): Hold | undefined;
  /** No other node is known to live. */
  isAlone(): boolean;
  /** This program cannot do the work any more, since a newer one has begun it: leaves it all to others. */
  resign(): void;
  readonly changes: Observable<OwnershipChange>;
  /** @param tenants all there are: those nobody has are taken, if they fall to this node. */
  start(tenants: readonly TenantId[]): Promise<void>;
  /** Gives everything up at once. */
  stop(): Promise<void>;
}

/** Of a process without others: everything is its own. */
export const alwaysMine: Ownership = {
  isMine: () => true,
  claim: async () => true,
  hold: () => ({ isValid: () => true, release: () => {} }),
  isAlone: () => true,
  resign: () => {},
  changes: NEVER,
  start: async () => {},
  stop: async () => {},
};
