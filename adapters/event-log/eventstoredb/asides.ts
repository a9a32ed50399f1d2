/**
 * Payloads that do not fit into the append of their events: each is stored before, in a stream named by its hash. An
 * append stays whole that way, and what it leaves behind when it fails is used when it is tried again.
 */
import pLimit from 'p-limit';
import type { TenantId } from '../../../domain/shared/ids.ts';
import type { StoredEvent } from '../port.ts';
import type { Connection } from './connection.ts';
import { IndexDamaged } from './failure.ts';
import { type LogNames, recordId } from './names.ts';
import { type ReadEvent, sha256 } from './wire.ts';

export class Asides {
  readonly #limit = pLimit(4);
  readonly #options: { readonly tenant: TenantId; readonly connection: Connection; readonly names: LogNames };

  constructor(options: { readonly tenant: TenantId; readonly connection: Connection; readonly names: LogNames }) {
    this.#options = options;
  }

  async store(events: readonly StoredEvent[]): Promise<void> {
    const { tenant, connection, names } = this.#options;
    await this.#limit.map([...events], async ({ payload }) => {
      const stream = names.aside(tenant, sha256(payload).toString('hex'));
      const record = { id: recordId(stream, 0), type: 'Payload', data: payload };
      // `moved`: it is there.
      await connection.appendSurely(stream, [{ ...record, contentType: 'application/octet-stream' }], -1);
    });
  }

  /** The events with their payloads. */
  async fill(read: readonly ReadEvent[]): Promise<StoredEvent[]> {
    if (read.every(({ aside }) => aside === undefined)) return read.map(({ event }) => event);
    return this.#limit.map([...read], async ({ event, aside }) =>
      aside === undefined ? event : { ...event, payload: await this.#payload(aside) },
    );
  }

  async #payload(hash: string): Promise<Uint8Array> {
    const { tenant, connection, names } = this.#options;
    const name = names.aside(tenant, hash);
    const [record] = await connection.read(name, { count: 1 });
    const payload = record?.event && Buffer.from(record.event.data as Uint8Array);
    if (!payload || sha256(payload).toString('hex') !== hash) throw new IndexDamaged(`${name} holds no such payload`);
    return payload;
  }
}
