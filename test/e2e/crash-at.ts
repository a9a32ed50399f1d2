/**
 * Loaded into a program before its own code (`node --import`): ends the process, as a power cut would, at the nth
 * passing of a point. `CRASH_AT` is `<point>:<moment>:<nth>`; `CRASH_URL`, when set, is a part of the URL of the
 * request from which on passings are counted.
 *
 * Points: `append` (events are stored, or what points to them in an event store), `project` (a page becomes rows),
 * `writeback` (an intent is claimed or settled), `office` (the office answers), `answer` (a phone is answered), `any`
 * (any statement). Moments: `before` it, `sent` (given to the socket, and a moment), `after` (done, and nobody heard of
 * it).
 */
import { type IncomingMessage, Server, ServerResponse } from 'node:http';
import pg from 'pg';

const [point = '', moment = '', nth = '0', momentMs = '0'] = (process.env.CRASH_AT ?? '').split(':');
const armedBy = process.env.CRASH_URL;
let isArmed = armedBy === undefined;
let passings = 0;

const die = (): void => {
  process.kill(process.pid, 'SIGKILL');
};

/** Whether this passing is the one. */
function isHere(found: string | undefined): boolean {
  if (!isArmed || found === undefined || (found !== point && point !== 'any')) return false;
  passings++;
  return passings === Number(nth);
}

function pointOf(sql: string): string {
  if (/append_events?(_one_by_one)?\s*\(/.test(sql)) return 'append';
  if (/projection_checkpoint/.test(sql) && /\b(update|insert)\b/.test(sql)) return 'project';
  if (/update writeback_intent/.test(sql)) return 'writeback';
  return 'other';
}

type Query = (this: pg.Client, ...args: unknown[]) => unknown;
const query = pg.Client.prototype.query as Query;
const counting: Query = function (...args) {
  const [config] = args;
  const sql = typeof config === 'string' ? config : (config as { text?: unknown } | undefined)?.text;
  if (typeof sql !== 'string' || !isHere(pointOf(sql))) return query.apply(this, args);
  if (moment === 'before') die();
  if (moment === 'sent') setTimeout(die, Number(momentMs));
  const last = args.length - 1;
  const heard = args[last];
  // Whoever waits for it never hears: the process is gone first.
  if (typeof heard === 'function') args[last] = moment === 'after' ? die : heard;
  const result = query.apply(this, args);
  if (moment === 'after' && result instanceof Promise) result.then(die, die);
  return result;
};
pg.Client.prototype.query = counting as never;

if (process.env.EVENT_LOG === 'eventstoredb') {
  const { EventStoreDBClient } = await import('@eventstore/db-client');
  type Append = (this: unknown, ...args: unknown[]) => Promise<unknown>;
  const append = EventStoreDBClient.prototype.appendToStream as unknown as Append;
  const appending: Append = async function (...args) {
    if (!isHere('append')) return append.apply(this, args);
    if (moment === 'before') die();
    if (moment === 'sent') setTimeout(die, Number(momentMs));
    const appended = append.apply(this, args);
    if (moment === 'after') appended.then(die, die);
    return appended;
  };
  EventStoreDBClient.prototype.appendToStream = appending as never;
}

type End = (this: ServerResponse, ...args: unknown[]) => ServerResponse;
const end = ServerResponse.prototype.end as unknown as End;
const ending: End = function (...args) {
  const url = this.req.url ?? '';
  const isOffice = /\.asmx/i.test(url);
  const isPhone = /Microsoft-Server-ActiveSync/i.test(url);
  if (!isHere(isOffice ? 'office' : isPhone ? 'answer' : undefined)) return end.apply(this, args);
  if (moment === 'before') die();
  const answered = end.apply(this, args);
  if (moment === 'sent') setTimeout(die, Number(momentMs));
  else this.once('finish', die);
  return answered;
};
ServerResponse.prototype.end = ending as never;

if (armedBy !== undefined) {
  const emit = Server.prototype.emit;
  Server.prototype.emit = function (this: Server, name: string, ...args: unknown[]) {
    if (name === 'request' && (args[0] as IncomingMessage).url?.includes(armedBy)) isArmed = true;
    return emit.apply(this, [name, ...args] as never);
  } as typeof emit;
}
