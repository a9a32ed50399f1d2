/** The records of one tenant in the store, as events of its log. */
import { randomUUID } from 'node:crypto';
import type { ResolvedEvent } from '@eventstore/db-client';
import type { StreamName, TenantId } from '../../../domain/shared/ids.ts';
import type { StoredEvent } from '../port.ts';
import { Asides } from './asides.ts';
import { putAside } from './batch.ts';
import type { Connection } from './connection.ts';
import { IndexDamaged } from './failure.ts';
import { type LogNames, recordId } from './names.ts';
import { fromWire, type ReadEvent, toWire } from './wire.ts';

export interface RecordsOptions {
  readonly tenant: TenantId;
  readonly connection: Connection;
  readonly names: LogNames;
  readonly maxAppendBytes: number;
}

const perRead = 500;

export class Records {
  readonly #options: RecordsOptions;
  readonly #asides: Asides;

  constructor(options: RecordsOptions) {
    this.#options = options;
    this.#asides = new Asides(options);
  }

  async last(): Promise<ReadEvent | undefined> {
    const { connection, names, tenant } = this.#options;
    const [last] = await connection.read(names.tenant(tenant), { from: 'end', count: 1, isBackwards: true });
    return last?.event && fromWire(tenant, last.event);
  }

  /** Events behind the position, in order. */
  async after(position: number, limit: number): Promise<ReadEvent[]> {
    const { connection, names, tenant } = this.#options;
    const found = await connection.read(names.tenant(tenant), { from: position, count: limit });
    return found.map(({ event }) => fromWire(tenant, event!));
  }

  /** The events to which the links of a stream lead. @throws IndexDamaged when one leads elsewhere */
  async linked(stream: StreamName, from: number, limit = Number.POSITIVE_INFINITY): Promise<StoredEvent[]> {
    const { connection, names, tenant } = this.#options;
    const name = names.stream(tenant, stream);
    const read: ReadEvent[] = [];
    while (read.length < limit) {
      const count = Math.min(perRead, limit - read.length);
      const found = await connection.read(name, { from: from + read.length, count, areLinksFollowed: true });
      read.push(...found.map((one) => this.#behind(name, one)));
      if (found.length < count) break;
    }
    return this.#asides.fill(read);
  }

  /** The last revision of a stream that has a link; -1 when none has. */
  async lastLink(stream: StreamName): Promise<number> {
    const { connection, names, tenant } = this.#options;
    return connection.lastRevision(names.stream(tenant, stream));
  }

  /** The events with payloads that lie aside. */
  filled(read: readonly ReadEvent[]): Promise<StoredEvent[]> {
    return this.#asides.fill(read);
  }

  /**
   * Stores the events behind the position `head`, all or nothing. While it is not known whether that happened, the same
   * records go to the same place again: the store knows them by their ids, which are made for this call alone, so that
   * nothing else is ever taken for them.
   * @returns false when the log does not end at `head`, and nothing was stored
   * @throws EventStoreUnavailable after `patienceMs`; it may have been stored
   */
  async append(events: readonly StoredEvent[], head: number, linked: number, patienceMs: number): Promise<boolean> {
    const { connection, names, tenant, maxAppendBytes } = this.#options;
    const aside = putAside(events, maxAppendBytes);
    await this.#asides.store(events.filter(({ id }) => aside.has(id)));
    if (head === 0) await this.#listTenant();
    const wire = events.map((event) => toWire(randomUUID(), event, linked, aside.has(event.id)));
    const send = () => connection.append(names.tenant(tenant), wire, head - 1);
    return (await connection.patiently(send, patienceMs)) === 'appended';
  }

  /** Before its first event, so that none is missing from the list. */
  async #listTenant(): Promise<void> {
    const { connection, names, tenant } = this.#options;
    const record = { id: recordId(names.tenants, tenant), type: 'Tenant', data: Buffer.from(tenant) };
    await connection.appendSurely(names.tenants, [{ ...record, contentType: 'application/octet-stream' }], 'any');
  }

  #behind(name: string, { event, link }: ResolvedEvent): ReadEvent {
    const { tenant, names } = this.#options;
    const read = event?.streamId === names.tenant(tenant) ? fromWire(tenant, event) : undefined;
    if (!read || read.event.revision !== Number(link?.revision) || names.stream(tenant, read.event.stream) !== name)
      throw new IndexDamaged(`${name} has a link at ${link?.revision} that leads nowhere`);
    return read;
  }
}
