import type { Decider } from '../../domain/shared/decider.ts';
import type { DomainEvent, EventMeta } from '../../domain/shared/event.ts';
import type { StreamName, SubjectId, TenantId } from '../../domain/shared/ids.ts';
import type { EventStore, RecordedEvent, StreamHead, StreamPage } from './event-store.port.ts';

/** The stream a command is for. `subject` and `owner`: whose keys seal it, as in `DomainWrite`. */
export interface CommandTarget {
  readonly tenant: TenantId;
  readonly stream: StreamName;
  readonly subject: SubjectId;
  readonly owner: SubjectId;
}

export type CommandResult<State, E extends DomainEvent, Reason extends string> =
  | {
      readonly outcome: 'accepted';
      readonly state: State;
      /** The events this command made: now, or the first time when `repeated`. Empty when nothing had to change. */
      readonly events: readonly E[];
      readonly head: StreamHead;
      /** The same command (by its id) was done before; nothing was decided again. */
      readonly repeated: boolean;
    }
  | { readonly outcome: 'refused'; readonly reason: Reason; readonly state: State; readonly head: StreamHead };

/** Others changed the stream each time between reading and writing. The command may be tried again as a whole. */
export class StreamBusy extends Error {
  override readonly name = 'StreamBusy';
  readonly stream: StreamName;
  constructor(stream: StreamName, attempts: number) {
    super(`The stream ${stream} was changed by others in each of ${attempts} attempts.`);
    this.stream = stream;
  }
}

const maxAttempts = 4;

/** The state after the page's events. Forgotten events no longer say anything. */
export function foldPage<State, E extends DomainEvent>(
  decider: { readonly initial: State; evolve(state: State, event: E): State },
  events: readonly RecordedEvent[],
): State {
  let state = decider.initial;
  for (const event of events) if (event.type !== 'Forgotten') state = decider.evolve(state, event as unknown as E);
  return state;
}

/**
 * Loads the stream, decides, appends at the head that was read; when others were faster, again from the start, at
 * most 3 times more. A command whose id is in the stream already answers with what it made then.
 * @throws StreamBusy after the last conflict.
 */
export async function runCommand<State, Command, E extends DomainEvent, Reason extends string>(
  store: EventStore,
  decider: Decider<State, Command, E, Reason>,
  target: CommandTarget,
  command: Command,
  meta: EventMeta,
): Promise<CommandResult<State, E, Reason>> {
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const result = await runOnce(store, decider, target, command, meta);
    if (result) return result;
  }
  throw new StreamBusy(target.stream, maxAttempts);
}

/** Undefined after a conflict. */
async function runOnce<State, Command, E extends DomainEvent, Reason extends string>(
  store: EventStore,
  decider: Decider<State, Command, E, Reason>,
  target: CommandTarget,
  command: Command,
  meta: EventMeta,
): Promise<CommandResult<State, E, Reason> | undefined> {
  const page: StreamPage = await store.load(target.tenant, target.stream);
  const { head } = page;
  const state = foldPage(decider, page.events);
  const earlier = page.events.filter((event) => event.meta.commandId === meta.commandId && event.type !== 'Forgotten');
  if (earlier.length > 0) {
    return { outcome: 'accepted', state, events: earlier as unknown as E[], head, repeated: true };
  }

  const decision = decider.decide(state, command);
  if (decision.kind === 'refused') return { outcome: 'refused', reason: decision.reason, state, head };
  const { events } = decision;
  if (events.length === 0) return { outcome: 'accepted', state, events, head, repeated: false };

  const { tenant, stream, subject, owner } = target;
  const written = await store.append(tenant, [
    { stream, head, subject, owner, events: events.map((event) => ({ event, meta })) },
  ]);
  if (written.kind === 'conflict') return undefined;
  return {
    outcome: 'accepted',
    state: events.reduce((folded, event) => decider.evolve(folded, event), state),
    events,
    head: written.heads[0]!,
    repeated: written.commits[0]!.repeated,
  };
}
