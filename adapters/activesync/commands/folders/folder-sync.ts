/** FolderSync: MS-ASCMD 2.2.1.5. */

import type { FolderTree } from '../../../../domain/folder/state.ts';
import {
  answerHierarchy,
  type HierarchyAnswer,
  type HierarchyKey,
  recogniseKey,
  resumeHierarchy,
} from '../../../../domain/hierarchy/decide.ts';
import type { HierarchyChanges, HierarchyState, KnownFolders } from '../../../../domain/hierarchy/state.ts';
import { formatKey, parseKey } from '../../../../domain/sync/key.ts';
import type { ActiveSyncDeps } from '../../deps.ts';
import { statusAnswer } from '../../http/command-status.ts';
import { isStateless } from '../../http/stateless.ts';
import type { CommandHandler } from '../../request.ts';
import { actorOf, type Session } from '../../session.ts';
import { folderStatus } from '../../status.ts';
import { FolderHierarchy } from '../../wbxml/code-pages/index.ts';
import { textOf } from '../../wbxml/element.ts';
import { Writer } from '../../wbxml/writer.ts';
import type { HierarchyStore } from './hierarchy-store.ts';
import { type PastDeps, pastFolders } from './past-folders.ts';
import { shownFolders } from './shown.ts';

export type FolderDeps = Pick<
  ActiveSyncDeps,
  | 'folders'
  | 'keyChecks'
  | 'commandId'
  | 'nonce'
  | 'now'
  | 'items'
  | 'view'
  | 'settled'
  | 'conversations'
  | 'kin'
  | 'events'
  | 'massDeletes'
>;

const attemptsMax = 4;

export function folderSyncHandler(deps: FolderDeps, hierarchies: HierarchyStore): CommandHandler {
  return async ({ session, root }) => {
    if (root?.tag !== FolderHierarchy.FolderSync) return statusAnswer('FolderSync', folderStatus.malformed);
    const syncKey = textOf(root, FolderHierarchy.SyncKey);
    if (!syncKey) return statusAnswer('FolderSync', folderStatus.malformed);
    const tree = await deps.folders.of(session.tenant, session.account);
    const answer = isStateless(session)
      ? withoutState(syncKey, shownFolders(tree, session.version))
      : await converse(deps, hierarchies, session, syncKey, tree);
    if (answer === 'forged') return statusAnswer('FolderSync', folderStatus.invalidSyncKey);
    if (answer === 'contended') return statusAnswer('FolderSync', folderStatus.serverError);
    return { kind: 'wbxml', body: render(answer.syncKey, answer.changes, answer.known) };
  };
}

export interface Conversed {
  readonly syncKey: string;
  readonly changes: HierarchyChanges;
  /** What the device knew before: those are updated, not added. */
  readonly known: KnownFolders;
}

/** One answer in the device's conversation about its folders. `own`: as in `answerHierarchy`. */
export async function converse(
  deps: PastDeps & Pick<FolderDeps, 'commandId' | 'nonce' | 'now'>,
  hierarchies: HierarchyStore,
  session: Session,
  syncKey: string,
  tree: FolderTree,
  own?: HierarchyChanges,
): Promise<Conversed | 'forged' | 'contended'> {
  const check = deps.keyChecks.of({ device: session.device, collection: 'hierarchy' });
  const key = syncKey === '0' ? null : parseKey(syncKey, check);
  const shown = shownFolders(tree, session.version);
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const conversation = await hierarchies.load(session);
    const answer = await answerTo(deps, hierarchies, session, conversation.state, syncKey, key, shown, own);
    if (!answer) {
      // Another process may have issued the key since this one last looked.
      if (attempt > 0) return 'forged';
      hierarchies.forget(session);
      continue;
    }
    if (answer.events.length === 0 || (await store(deps, hierarchies, session, conversation, answer))) {
      return { syncKey: formatKey(answer.key, check), changes: answer.changes, known: answer.known };
    }
  }
  return 'contended';
}

async function answerTo(
  deps: PastDeps,
  hierarchies: HierarchyStore,
  session: Session,
  state: HierarchyState | null,
  syncKey: string,
  key: HierarchyKey | null,
  shown: FolderTree,
  own: HierarchyChanges | undefined,
): Promise<HierarchyAnswer | null> {
  const epochBefore = state?.epoch ?? (await deps.conversations?.restoredFrom(session.tenant)) ?? 0;
  if (syncKey === '0') return answerHierarchy(state, null, shown, null, own, epochBefore);
  const recognised = key ? recogniseKey(state, key) : 'unknown';
  if (recognised === 'next' || recognised === 'repeat') return answerHierarchy(state, key, shown, null, own);
  const past = await pastFolders(deps, hierarchies, session, syncKey);
  if (!past) return null;
  if (past.author !== session.device) await deps.kin?.succeed(session, past.author);
  return resumeHierarchy(epochBefore + 1, past.cause, shown, past.known, own);
}

function store(
  deps: Pick<FolderDeps, 'commandId' | 'nonce' | 'now'>,
  hierarchies: HierarchyStore,
  session: Session,
  conversation: Awaited<ReturnType<HierarchyStore['load']>>,
  answer: HierarchyAnswer,
): Promise<boolean> {
  const commandId = deps.commandId(['hierarchy', session.device, String(conversation.head.revision), deps.nonce()]);
  return hierarchies.append(session, conversation, answer.events, {
    at: deps.now(),
    actor: actorOf(session),
    commandId,
  });
}

/** A device that only tries the account out: it is shown the folders, and nothing is remembered. */
function withoutState(syncKey: string, tree: FolderTree): Conversed | 'forged' {
  const answer = syncKey === '0' ? answerHierarchy(null, null, tree, null) : null;
  return answer ? { syncKey: '1', changes: answer.changes, known: answer.known } : 'forged';
}

function render(syncKey: string, { shown, gone }: HierarchyChanges, known: KnownFolders): Buffer {
  const writer = new Writer();
  writer.open(FolderHierarchy.FolderSync).element(FolderHierarchy.Status, String(folderStatus.success));
  writer.element(FolderHierarchy.SyncKey, syncKey);
  writer.open(FolderHierarchy.Changes).element(FolderHierarchy.Count, String(shown.length + gone.length));
  for (const folder of shown) {
    writer.open(known.has(folder.collection) ? FolderHierarchy.Update : FolderHierarchy.Add);
    writer.element(FolderHierarchy.ServerId, folder.collection);
    writer.element(FolderHierarchy.ParentId, folder.parent ?? '0');
    writer.element(FolderHierarchy.DisplayName, folder.displayName);
    writer.element(FolderHierarchy.Type, String(folder.wireType)).close();
  }
  for (const collection of gone) {
    writer.open(FolderHierarchy.Delete).element(FolderHierarchy.ServerId, collection).close();
  }
  return writer.close().close().finish();
}
