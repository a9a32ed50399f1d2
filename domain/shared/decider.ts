import type { DomainEvent } from './event.ts';

/** What a command leads to: events (none when it asks for what is so already), or a refusal with its reason. */
export type Decision<E extends DomainEvent, Reason extends string = string> =
  | { readonly kind: 'accepted'; readonly events: readonly E[] }
  | { readonly kind: 'refused'; readonly reason: Reason };

/** One kind of stream: how its events make a state, and how a state answers commands. Both functions are pure. */
export interface Decider<State, Command, E extends DomainEvent, Reason extends string = string> {
  readonly initial: State;
  evolve(state: State, event: E): State;
  decide(state: State, command: Command): Decision<E, Reason>;
}
