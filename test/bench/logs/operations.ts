/** What is asked of each log. A block is small, so that the logs take turns and a noisy moment hits them alike. */
import { randomBytes, randomUUID } from 'node:crypto';
import { filter, firstValueFrom } from 'rxjs';
import type { EventLog, StreamWrite, UnstoredEvent } from '../../../adapters/event-log/port.ts';
import {
  type EventId,
  type Instant,
  NO_POSITION,
  type Position,
  type StreamName,
  type TenantId,
} from '../../../domain/shared/ids.ts';
import { each, range } from '../stage.ts';
import type { Subject } from './subjects.ts';

export interface Block {
  /** Of the operation's unit. */
  readonly count: number;
  readonly samplesMs: readonly number[];
}

export interface Operation {
  readonly name: string;
  readonly unit: string;
  /** Measured after the others, which would have to tell the other node of all they store. */
  readonly needsSecond?: boolean;
  prepare?(subject: Subject): Promise<void>;
  /** Undefined where the log has no such thing. */
  run(subject: Subject, round: number): Promise<Block | undefined>;
}

export interface Sizes {
  /** Calls one after another in a block; concurrent ones are four times as many. */
  readonly calls: number;
  /** Events of the tenant that is read as a whole. */
  readonly events: number;
}

const batchEvents = 200;
const together = 16;
const pageSize = 500;
const streamEvents = 20;
/** Of an ordinary sealed event. */
const payloadBytes = 600;

/** The operations, with what they remember from block to block. */
export function operations({ calls, events }: Sizes): Operation[] {
  const nodes = new Map<Subject, EventLog>();
  return [
    {
      name: 'an accepted Add (a new stream and the next event of another), one at a time',
      unit: 'calls',
      run: (subject, round) =>
        adds(
          subject,
          range(1).map(() => subject.tenant('single')),
          calls,
          `s${round}`,
        ),
    },
    {
      name: `accepted Adds, ${together} at a time, one tenant`,
      unit: 'calls',
      run: (subject, round) =>
        adds(
          subject,
          range(together).map(() => subject.tenant('many')),
          calls * 4,
          `m${round}`,
        ),
    },
    {
      name: `accepted Adds, ${together} at a time, ${together} tenants`,
      unit: 'calls',
      run: (subject, round) =>
        adds(
          subject,
          range(together).map((lane) => subject.tenant(`lane${lane}`)),
          calls * 4,
          `t${round}`,
        ),
    },
    {
      name: `batches of ${batchEvents} events in ${batchEvents} new streams, one call each`,
      unit: 'events',
      run: ({ log, tenant }, round) =>
        timed(batchEvents, range(Math.ceil(calls / 10)), (call) =>
          log.append(
            tenant('batch'),
            range(batchEvents).map((nth) => write(`batch-${round}-${call}-${nth}`, -1)),
          ),
        ),
    },
    {
      name: `a stream of ${streamEvents} events read`,
      unit: 'calls',
      prepare: async ({ log, tenant }) => {
        await log.append(tenant('stream'), [write('stream-read', -1, streamEvents)]);
      },
      run: ({ log, tenant }) =>
        timed(1, range(calls), async () => {
          const found = await log.readStream(tenant('stream'), 'stream-read' as StreamName);
          if (found.length !== streamEvents) throw new Error(`the stream holds ${found.length} events`);
        }),
    },
    {
      name: `everything of a tenant read, ${pageSize} events a page`,
      unit: 'events',
      prepare: async ({ log, tenant }) => {
        for (const batch of range(events / batchEvents))
          await log.append(
            tenant('all'),
            range(batchEvents).map((nth) => write(`all-${batch}-${nth}`, -1)),
          );
      },
      run: ({ log, tenant }) => readAll(log, tenant('all'), events),
    },
    {
      name: 'from the append to the notice, on the same node',
      unit: 'notices',
      run: (subject, round) => notices(subject, subject.log, calls, `own${round}`),
    },
    {
      name: 'from the append to the notice, on another node',
      unit: 'notices',
      needsSecond: true,
      prepare: async (subject) => {
        if (subject.second) nodes.set(subject, await subject.second());
      },
      run: async (subject, round) => {
        const second = nodes.get(subject);
        return second && (await notices(subject, second, calls, `other${round}`));
      },
    },
  ];
}

/** As phones do: one conversation each, which goes on by one event with each item. */
async function adds({ log }: Subject, lanes: readonly TenantId[], calls: number, name: string): Promise<Block> {
  const samplesMs: number[] = [];
  await each(lanes, lanes.length, async (tenant, lane) => {
    for (let call = 0; call < calls / lanes.length; call++) {
      const begun = performance.now();
      const outcome = await log.append(tenant, [
        write(`contact-${name}x${lane}x${call}`, -1),
        write(`sync-${name}x${lane}`, call - 1),
      ]);
      if (outcome.kind !== 'appended') throw new Error('an append met a conflict');
      samplesMs.push(performance.now() - begun);
    }
  });
  return { count: samplesMs.length, samplesMs };
}

async function readAll(log: EventLog, tenant: TenantId, events: number): Promise<Block> {
  const samplesMs: number[] = [];
  let position: Position = NO_POSITION;
  let count = 0;
  for (;;) {
    const begun = performance.now();
    const page = await log.readAll(tenant, position, pageSize);
    samplesMs.push(performance.now() - begun);
    count += page.length;
    position = page.at(-1)?.position ?? position;
    if (page.length < pageSize) break;
  }
  if (count < events) throw new Error(`only ${count} events were read`);
  return { count, samplesMs };
}

async function notices({ log, tenant }: Subject, hearing: EventLog, calls: number, name: string): Promise<Block> {
  const to = tenant('notices');
  return await timed(1, range(calls), async (call) => {
    const stream = `contact-${name}x${call}`;
    const heard = firstValueFrom(
      hearing.commits.pipe(filter((one) => one.tenant === to && (one.events ?? []).some((it) => it.stream === stream))),
    );
    await Promise.all([heard, log.append(to, [write(stream, -1)])]);
  });
}

async function timed(
  countEach: number,
  all: readonly number[],
  run: (one: number) => Promise<unknown>,
): Promise<Block> {
  const samplesMs: number[] = [];
  for (const one of all) {
    const begun = performance.now();
    await run(one);
    samplesMs.push(performance.now() - begun);
  }
  return { count: countEach * all.length, samplesMs };
}

function write(stream: string, expectedRevision: number, count = 1): StreamWrite {
  return { stream: stream as StreamName, expectedRevision, events: range(count).map(event) };
}

function event(): UnstoredEvent {
  return {
    id: randomUUID() as EventId,
    type: 'ContactAdded',
    schemaVersion: 1,
    recordedAt: '2026-03-02T09:00:00.000Z' as Instant,
    payload: randomBytes(payloadBytes),
    hash: randomBytes(32),
  };
}
