/**
 * After a restore to an earlier point: every conversation, about items and about folders, goes on in an epoch above all
 * that were ever issued. So a key from what was lost is recognised as such and served, and not taken for another that
 * the restored log issues by the same number.
 */
import type { HierarchyEvent } from '../../../domain/hierarchy/events.ts';
import {
  evolveHierarchy,
  type HierarchyState,
  offeredFolders,
  toStored,
  withoutNames,
} from '../../../domain/hierarchy/state.ts';
import { restorationStream, restorationSubject } from '../../../domain/restoration/events.ts';
import type { DomainEvent, EventMeta } from '../../../domain/shared/event.ts';
import type { CommandId, Instant, Position, StreamName, SubjectId, TenantId } from '../../../domain/shared/ids.ts';
import { parseSyncStream } from '../../../domain/shared/streams.ts';
import { perhapsHeld, resetEvents, restoredEpoch } from '../../../domain/sync/resets.ts';
import { foldConversation } from '../../../domain/sync/state.ts';
import type { EventStore, RecordedEvent } from '../../event-log/event-store.port.ts';
import { SubjectErased } from '../../event-log/event-store.ts';
import type { EventLog } from '../../event-log/port.ts';
import { splitPayload } from '../../event-log/sealed.ts';

export interface RaiseEpochsDeps {
  /** The restored log, and the store over it. Nobody else may write meanwhile. */
  readonly log: EventLog;
  readonly store: EventStore;
  readonly now: () => Instant;
  readonly commandId: (parts: readonly string[]) => CommandId;
  readonly nonce: () => string;
}

export interface RaisedEpochs {
  /** The lowest epoch in which conversations go on. */
  readonly epoch: number;
  readonly conversations: number;
  readonly hierarchies: number;
  /** Of persons whose key was destroyed: nothing of theirs goes on. */
  readonly erased: number;
}

const pageSize = 1_000;

/**
 * Works on the log alone, so read models may be made before or after. Done again it raises again, which does no harm.
 * @param meta who restored, and why
 */
export async function raiseEpochs(
  deps: RaiseEpochsDeps,
  meta: Pick<EventMeta, 'actor' | 'cause'> = { actor: { kind: 'system' }, cause: { command: 'restore' } },
  onProgress: (done: RaisedEpochs) => void = () => {},
): Promise<RaisedEpochs> {
  const epoch = restoredEpoch(Date.parse(deps.now()));
  let done: RaisedEpochs = { epoch, conversations: 0, hierarchies: 0, erased: 0 };
  for (const { tenant } of await deps.store.tenants()) {
    const subjects = await conversationsOf(deps.log, tenant);
    await append(deps, tenant, restorationStream, restorationSubject, meta, () => [
      { type: 'LogRestored', version: 1, data: { epoch } },
    ]);
    for (const [stream, subject] of subjects) {
      const isOfItems = parseSyncStream(stream) !== undefined;
      const raise = isOfItems ? conversationRaised : hierarchyRaised;
      const outcome = await append(deps, tenant, stream, subject, meta, (events) => raise(events, epoch));
      done = {
        epoch,
        conversations: done.conversations + (outcome === 'raised' && isOfItems ? 1 : 0),
        hierarchies: done.hierarchies + (outcome === 'raised' && !isOfItems ? 1 : 0),
        erased: done.erased + (outcome === 'erased' ? 1 : 0),
      };
      onProgress(done);
    }
  }
  return done;
}

/** Every stream of a conversation, with whose key seals it. */
async function conversationsOf(log: EventLog, tenant: TenantId): Promise<Map<StreamName, SubjectId>> {
  const found = new Map<StreamName, SubjectId>();
  for (let position = 0 as Position; ; ) {
    const page = await log.readAll(tenant, position, pageSize);
    for (const { stream, payload } of page) {
      if (found.has(stream) || !/^(sync|hierarchy)-/.test(stream)) continue;
      found.set(stream, splitPayload(payload).subject);
    }
    const last = page.at(-1);
    if (!last || page.length < pageSize) return found;
    position = last.position;
  }
}

async function append(
  deps: RaiseEpochsDeps,
  tenant: TenantId,
  stream: StreamName,
  subject: SubjectId,
  { actor, cause }: Pick<EventMeta, 'actor' | 'cause'>,
  eventsAfter: (events: readonly RecordedEvent[]) => readonly DomainEvent[],
): Promise<'raised' | 'nothing' | 'erased'> {
  const { events: before, head } = await deps.store.load(tenant, stream);
  const events = eventsAfter(before.filter(({ type }) => type !== 'Forgotten'));
  if (events.length === 0) return before.length > 0 ? 'erased' : 'nothing';
  const commandId = deps.commandId(['restored', stream, String(head.revision), deps.nonce()]);
  const meta: EventMeta = { at: deps.now(), actor, commandId, ...(cause ? { cause } : {}) };
  try {
    const written = events.map((event) => ({ event, meta }));
    const outcome = await deps.store.append(tenant, [{ stream, head, subject, owner: subject, events: written }]);
    if (outcome.kind === 'conflict') throw new Error(`Somebody else writes to ${stream} while it is restored.`);
    return 'raised';
  } catch (error) {
    if (error instanceof SubjectErased) return 'erased';
    throw error;
  }
}

function conversationRaised(events: readonly RecordedEvent[], epoch: number): readonly DomainEvent[] {
  const { state, held } = foldConversation(events);
  if (!state) return [];
  const { supported, options } = state;
  const raised = Math.max(epoch, state.epoch + 1);
  return resetEvents({ epoch: raised, cause: 'restored', supported, options }, perhapsHeld(state, held));
}

function hierarchyRaised(events: readonly RecordedEvent[], epoch: number): readonly DomainEvent[] {
  let state: HierarchyState | null = null;
  for (const event of events) state = evolveHierarchy(state, event as unknown as HierarchyEvent);
  if (!state) return [];
  const known = withoutNames(new Map([...state.known, ...offeredFolders(state)]));
  const raised = Math.max(epoch, state.epoch + 1);
  const data = { epoch: raised, cause: 'restored' as const, known: [...known.values()].map(toStored) };
  return [{ type: 'HierarchyReset', version: 1, data }];
}
