/**
 * What a device knows of the folders by a key that is none of the two living ones: as `conversation/past.ts` for items.
 */
import { type HierarchyKey, recogniseKey } from '../../../../domain/hierarchy/decide.ts';
import type { HierarchyCause } from '../../../../domain/hierarchy/events.ts';
import { type KnownFolders, withoutNames } from '../../../../domain/hierarchy/state.ts';
import type { DeviceKey } from '../../../../domain/shared/ids.ts';
import { parseKey } from '../../../../domain/sync/key.ts';
import type { ActiveSyncDeps } from '../../deps.ts';
import type { Session } from '../../session.ts';
import type { HierarchyId, HierarchyStore } from './hierarchy-store.ts';

export type PastDeps = Pick<ActiveSyncDeps, 'keyChecks'> & Partial<Pick<ActiveSyncDeps, 'conversations' | 'kin'>>;

export interface PastFolders {
  /** Why a new epoch begins with it. */
  readonly cause: HierarchyCause;
  readonly known: KnownFolders;
  /** Whom the key was issued to. */
  readonly author: DeviceKey;
}

/** Null for a key that was never issued to this device, nor to one that it was before; also for the two living ones. */
export async function pastFolders(
  deps: PastDeps,
  hierarchies: HierarchyStore,
  session: Session,
  syncKey: string,
): Promise<PastFolders | null> {
  const key = parseKey(syncKey, deps.keyChecks.of({ device: session.device, collection: 'hierarchy' }));
  if (key) return await ofDevice(deps, hierarchies, session, key);
  for (const device of (await deps.kin?.formerSelves(session)) ?? []) {
    const theirs = parseKey(syncKey, deps.keyChecks.of({ device, collection: 'hierarchy' }));
    if (!theirs) continue;
    const { tenant, account } = session;
    const past = await ofDevice(deps, hierarchies, { tenant, account, device }, theirs);
    if (past) return { ...past, cause: past.cause === 'restored' ? 'restored' : 'attached' };
  }
  return null;
}

async function ofDevice(
  deps: PastDeps,
  hierarchies: HierarchyStore,
  id: HierarchyId,
  key: HierarchyKey,
): Promise<PastFolders | null> {
  const { device: author } = id;
  const { state } = await hierarchies.load(id);
  const known = recogniseKey(state, key) === 'unknown' ? null : await hierarchies.knownAt(id, key);
  if (known) {
    const isRenewed = key.epoch < (state?.renewedFrom ?? 0);
    return { cause: 'earlierKey', known: isRenewed ? withoutNames(known) : known, author };
  }
  const restoredFrom = state ? state.restoredFrom : await deps.conversations?.restoredFrom(id.tenant);
  if (restoredFrom === undefined || key.epoch >= restoredFrom) return null;
  const base = await hierarchies.knownAt(id, { epoch: restoredFrom, counter: 1 });
  return { cause: 'restored', known: withoutNames(base ?? new Map()), author };
}
