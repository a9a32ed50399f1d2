import { type Observable, Subject, type Subscription } from 'rxjs';
import { NO_POSITION, type Position, type TenantId } from '../../domain/shared/ids.ts';
import type { Progress, Projected } from '../../projections/runner/runner.ts';
import type { PastStore } from './store.ts';

/** The progress of read models that are folded when they are asked: they always show everything the past holds. */
export class PastProgress implements Progress {
  readonly projected = new Subject<Projected>();
  readonly #store: PastStore;
  readonly #subscription: Subscription;

  constructor(store: PastStore) {
    this.#store = store;
    const commits: Observable<{ readonly tenant: TenantId; readonly head: Position }> = store.commits;
    this.#subscription = commits.subscribe(({ tenant, head }) =>
      // What was touched is not worth telling: whoever remembers anything looks again.
      this.projected.next({ tenant, position: head, touched: new Map(), events: [], isByOther: true }),
    );
  }

  position(tenant: TenantId): Position {
    if (tenant !== this.#store.tenant) return NO_POSITION;
    return this.#store.appended.at(-1)?.position ?? this.#store.position;
  }

  async waitFor(): Promise<boolean> {
    return true;
  }

  waitForCommitted(): true {
    return true;
  }

  close(): void {
    this.#subscription.unsubscribe();
    this.projected.complete();
  }
}
