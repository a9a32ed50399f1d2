/**
 * A log that also tells of what other nodes store in it, for one that tells of its own commits only. Nodes post the
 * heads of their tenants to each other; whoever hears of a head it does not know reads the events up to it. Because a
 * message may be lost, the heads are also looked at now and then while other nodes are there.
 */
import { Subject } from 'rxjs';
import type { Position, TenantId } from '../../domain/shared/ids.ts';
import type { Bulletin } from '../cluster/bulletin.port.ts';
import type { CommitNotice, EventLog } from './port.ts';
import { Told } from './told.ts';

export interface FollowOptions {
  readonly bulletin: Pick<Bulletin, 'post' | 'heard' | 'gaps' | 'isAlone'>;
  /** Told of a look at the log that failed; it is repeated with the next one. */
  readonly onError: (error: unknown) => void;
  /** How often the heads are looked at while there are other nodes. */
  readonly lookEveryMs?: number;
  /** More events than this of one tenant are told without their content. */
  readonly eventsMax?: number;
  /** The heads of these tenants in one look; those without events may be absent. */
  readonly heads: (tenants: readonly TenantId[]) => Promise<readonly { tenant: TenantId; head: Position }[]>;
}

/** Events read at once. */
const pageSize = 500;
/** Tenants read at once: the connections belong to requests. */
const parallelMax = 3;

/**
 * Resolves once it knows where every tenant stands; what is read of the log from then on is never older than what it
 * has told. `close` closes the log below too.
 */
export async function followOthers(log: EventLog, options: FollowOptions): Promise<EventLog> {
  const followed = new Followed(log, options);
  await followed.begin();
  return {
    append: (tenant, writes) => log.append(tenant, writes),
    readStream: (tenant, stream, range) => log.readStream(tenant, stream, range),
    readStreams: (tenant, streams) => log.readStreams(tenant, streams),
    readAll: (tenant, after, limit) => log.readAll(tenant, after, limit),
    head: (tenant) => log.head(tenant),
    tenants: () => log.tenants(),
    commits: followed.commits.asObservable(),
    heard: (tenant) => followed.heard(tenant),
    async close() {
      await log.close();
      await followed.end();
    },
  };
}

/** A look at the heads that is to come, and who waits for it. */
interface Asking {
  readonly tenants: Set<TenantId>;
  readonly done: Promise<void>;
}

class Followed {
  readonly commits = new Subject<CommitNotice>();
  readonly #log: EventLog;
  readonly #options: FollowOptions;
  readonly #tenants = new Map<TenantId, Told>();
  readonly #behind = new Set<TenantId>();
  readonly #reading = new Map<TenantId, Promise<void>>();
  #looking: Promise<void> | undefined;
  #asking: Promise<unknown> | undefined;
  #nextAsked: Asking | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(log: EventLog, options: FollowOptions) {
    this.#log = log;
    this.#options = options;
  }

  async begin(): Promise<void> {
    const { bulletin, lookEveryMs = 1_500 } = this.#options;
    this.#log.commits.subscribe((notice) => this.#own(notice));
    const early: string[] = [];
    let hear = (text: string): unknown => early.push(text);
    bulletin.heard.subscribe(({ topic, text }) => {
      if (topic === 'commits') hear(text);
    });
    for (const { tenant, head } of await this.#log.tenants()) this.#told(tenant).begin(head);
    hear = (text) => this.#heard(text);
    early.forEach(hear);
    bulletin.gaps.subscribe(() => void this.#look());
    this.#timer = setInterval(() => {
      if (!bulletin.isAlone()) void this.#look();
    }, lookEveryMs);
    this.#timer.unref();
  }

  async end(): Promise<void> {
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#behind.clear();
    await Promise.allSettled([this.#looking, this.#asking, ...this.#reading.values()]);
    this.commits.complete();
  }

  heard(tenant: TenantId): Promise<void> | undefined {
    return this.#options.bulletin.isAlone() ? undefined : this.#hearAll(tenant);
  }

  async #hearAll(tenant: TenantId): Promise<void> {
    await this.#ask(tenant);
    const told = this.#told(tenant);
    if (told.isBehind) await this.#catchUp(tenant);
  }

  /** One look at a time, for all who came while the one before it was under way. */
  #ask(tenant: TenantId): Promise<void> {
    this.#nextAsked ??= this.#askAfter(this.#asking);
    this.#nextAsked.tenants.add(tenant);
    return this.#nextAsked.done;
  }

  #askAfter(before: Promise<unknown> | undefined): Asking {
    const tenants = new Set<TenantId>();
    const done = (async () => {
      await before?.catch(() => {});
      this.#asking = this.#nextAsked?.done;
      this.#nextAsked = undefined;
      for (const { tenant, head } of await this.#options.heads([...tenants])) this.#told(tenant).exists(head);
    })();
    return { tenants, done };
  }

  #told(tenant: TenantId): Told {
    let told = this.#tenants.get(tenant);
    if (!told) this.#tenants.set(tenant, (told = new Told()));
    return told;
  }

  #own(notice: CommitNotice): void {
    const { tenant, head, events } = notice;
    const told = this.#told(tenant);
    const isNews = told.own((events?.[0]?.position ?? head) as Position, head);
    this.#options.bulletin.post('commits', tenant, `${head} ${tenant}`);
    // Else they were met, before their own commit was answered, by a look for another's.
    if (isNews) this.commits.next(notice);
    if (told.isBehind) this.#read(tenant);
  }

  #heard(text: string): void {
    const blank = text.indexOf(' ');
    const head = Number(text.slice(0, blank));
    if (Number.isSafeInteger(head)) this.#stands(text.slice(blank + 1) as TenantId, head as Position);
  }

  #stands(tenant: TenantId, head: Position): void {
    if (this.#isOver) return;
    const told = this.#told(tenant);
    told.exists(head);
    if (told.isBehind) this.#read(tenant);
  }

  /** What the tenants' heads are by now. Looks that are asked for together are one. */
  #look(): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    this.#looking ??= this.#log
      .tenants()
      .then((tenants) => {
        for (const { tenant, head } of tenants) this.#stands(tenant, head);
      })
      .catch(this.#options.onError)
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  /** In the background, a few tenants at a time. */
  #read(tenant: TenantId): void {
    this.#behind.add(tenant);
    while (this.#behind.size > 0 && this.#reading.size < parallelMax) {
      const [next] = this.#behind as Iterable<TenantId>;
      this.#behind.delete(next as TenantId);
      this.#catchUp(next as TenantId)
        .catch(this.#options.onError)
        .finally(() => {
          const [waiting] = this.#behind as Iterable<TenantId>;
          if (waiting !== undefined) this.#read(waiting);
        });
    }
  }

  /** Until nothing is known that was not told of. */
  #catchUp(tenant: TenantId): Promise<void> {
    let reading = this.#reading.get(tenant);
    if (!reading) this.#reading.set(tenant, (reading = this.#readOn(tenant)));
    return reading;
  }

  async #readOn(tenant: TenantId): Promise<void> {
    const told = this.#told(tenant);
    // Its entry is made when this returns, and taken out below.
    await null;
    try {
      while (told.isBehind && !this.#isOver) {
        if (told.missing > (this.#options.eventsMax ?? 5_000)) {
          told.skip();
          this.commits.next({ tenant, head: told.highest, isByOther: true });
          continue;
        }
        const page = await this.#log.readAll(tenant, told.upTo, pageSize);
        const last = page.at(-1)?.position;
        // Said to be there and not found: of another log, or brought back to an earlier point.
        if (last === undefined) return told.skip();
        const events = page.filter(({ position }) => !told.wasTold(position));
        told.read(last);
        if (events.length > 0) this.commits.next({ tenant, head: told.highest, events, isByOther: true });
      }
    } finally {
      this.#reading.delete(tenant);
    }
  }
}
