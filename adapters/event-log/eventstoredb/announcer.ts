/** Tells of commits: each tenant's heads rise, whoever hears of a commit first, and an event is told of once. */
import { type Observable, Subject } from 'rxjs';
import type { Position, TenantId } from '../../../domain/shared/ids.ts';
import type { CommitNotice, StoredEvent } from '../port.ts';

export class Announcer {
  readonly #notices = new Subject<CommitNotice>();
  readonly #told = new Map<TenantId, Position>();

  get notices(): Observable<CommitNotice> {
    return this.#notices.asObservable();
  }

  /**
   * The tenant's log ends with these events. Where some before them were never told of, the notice names none, so that
   * whoever keeps something of the tenant's looks anew.
   */
  tell(tenant: TenantId, events: readonly StoredEvent[]): void {
    const head = events.at(-1)?.position;
    const told = this.#told.get(tenant);
    if (head === undefined || (told !== undefined && head <= told)) return;
    const news = told === undefined ? events : events.filter(({ position }) => position > told);
    const isWhole = told === undefined || news[0]!.position === told + 1;
    this.#told.set(tenant, head);
    this.#notices.next(isWhole ? { tenant, head, events: news } : { tenant, head });
  }

  close(): void {
    this.#notices.complete();
  }
}
