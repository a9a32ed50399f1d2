import type { Decider } from '../shared/decider.ts';
import type { CrawlEvent } from './events.ts';

/** Whether a collection's removals are believed. `confirmed` holds until they are done. */
export type CrawlState =
  | { readonly kind: 'healthy' }
  | { readonly kind: 'suspended'; readonly missing: number; readonly of: number }
  | { readonly kind: 'confirmed'; readonly missing: number };

export type CrawlCommand =
  | { readonly do: 'suspend'; readonly missing: number; readonly of: number }
  | { readonly do: 'confirm' }
  | { readonly do: 'resume' };

export const healthy: CrawlState = { kind: 'healthy' };

export function evolveCrawl(_state: CrawlState, event: CrawlEvent): CrawlState {
  switch (event.type) {
    case 'CrawlSuspended':
      return { kind: 'suspended', ...event.data };
    case 'CrawlShrinkConfirmed':
      return { kind: 'confirmed', missing: event.data.missing };
    case 'CrawlResumed':
      return healthy;
  }
}

/** Says nothing twice: a crawl that is suspended again with the same figures is no news. */
export const crawlDecider: Decider<CrawlState, CrawlCommand, CrawlEvent, 'notSuspended'> = {
  initial: healthy,
  evolve: evolveCrawl,
  decide(state, command) {
    switch (command.do) {
      case 'suspend': {
        const { missing, of } = command;
        const isKnown = state.kind === 'suspended' && state.missing === missing && state.of === of;
        const event: CrawlEvent = { type: 'CrawlSuspended', version: 1, data: { missing, of } };
        return { kind: 'accepted', events: isKnown ? [] : [event] };
      }
      case 'confirm':
        if (state.kind === 'confirmed') return { kind: 'accepted', events: [] };
        if (state.kind === 'healthy') return { kind: 'refused', reason: 'notSuspended' };
        return {
          kind: 'accepted',
          events: [{ type: 'CrawlShrinkConfirmed', version: 1, data: { missing: state.missing } }],
        };
      case 'resume':
        return {
          kind: 'accepted',
          events: state.kind === 'healthy' ? [] : [{ type: 'CrawlResumed', version: 1, data: {} }],
        };
    }
  },
};
