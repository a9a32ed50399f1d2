/** For specs of the runner: a read model that notes what it is given, and an event for it. */
import { type Kysely, sql } from 'kysely';
import { z } from 'zod';
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import { defineEvents, eventRegistry } from '../../domain/shared/upcast.ts';
import type { AnyDatabase, Projection } from './projection.ts';

export const noteEvents = () =>
  eventRegistry(defineEvents({ Noted: { version: 1, schema: z.object({ text: z.string() }), upcasters: [] } }));

export async function createJournalTable(db: Kysely<AnyDatabase>): Promise<void> {
  // Without a key: whatever is written twice stands there twice.
  await sql`create table journal (tenant text, name text, position bigint, text text)`.execute(db);
}

export interface Journal extends Projection {
  readonly pages: number[][];
  /** Positions up to which it was told that its pages are written. */
  readonly written: number[];
  /** Called when the page is folded, and none of it is written. */
  during: (events: readonly RecordedEvent[]) => Promise<void> | void;
}

export function journal(name = 'journal', version = 1, how: 'first' | 'later' = 'later'): Journal {
  return {
    name,
    version,
    migrations: [],
    pages: [],
    during: () => {},
    written: [],
    async project(page) {
      const { tenant, events } = page;
      const said = events.map(({ data }) => (data as { text: string }).text);
      page[how](sql`
        insert into journal select ${tenant}, ${name}, * from unnest(
          ${events.map(({ position }) => position)}::bigint[], ${said}::text[])`);
      page.written(() => this.written.push(events.at(-1)?.position ?? 0));
      this.pages.push(events.map(({ position }) => position));
      await this.during(events);
      return new Map(events.map(({ stream, position }) => [stream, [position]]));
    },
  };
}
