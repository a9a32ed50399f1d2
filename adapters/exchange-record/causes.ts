/**
 * Why an exchange is noticed, by a name that groups the like: `sync.invalidSyncKey`, `http.503`, `error.TypeError`,
 * `withheld`. Each has a sentence on what it means and one on what to do.
 */

import type { BrakeReason } from '../activesync/guard/brake.ts';
import {
  commonStatus,
  estimateStatus,
  folderStatus,
  itemOperationsStatus,
  moveStatus,
  pingStatus,
  policyStatus,
  provisionStatus,
  searchStatus,
  settingsStatus,
  syncStatus,
} from '../activesync/status.ts';
import type { Verdict } from './port.ts';
import {
  type Cause,
  commonCauses,
  estimateCauses,
  folderCauses,
  itemOperationsCauses,
  moveCauses,
  pingCauses,
  policyCauses,
  provisionCauses,
  searchCauses,
  settingsCauses,
  syncCauses,
} from './status-causes.ts';

/** Every table of `status.ts` with what its numbers mean. */
const tables = {
  sync: [syncStatus, syncCauses],
  common: [commonStatus, commonCauses],
  folder: [folderStatus, folderCauses],
  ping: [pingStatus, pingCauses],
  provision: [provisionStatus, provisionCauses],
  policy: [policyStatus, policyCauses],
  estimate: [estimateStatus, estimateCauses],
  move: [moveStatus, moveCauses],
  itemOperations: [itemOperationsStatus, itemOperationsCauses],
  settings: [settingsStatus, settingsCauses],
  search: [searchStatus, searchCauses],
} as const satisfies Record<string, readonly [Record<string, number>, Record<string, Cause | 'good'>]>;
export type StatusTable = keyof typeof tables;

const helpless = 'Look at the exchange; when it repeats, replay it.';

/** Causes that are no status. The name of a verdict without a status of its own is the cause too. */
const others: Readonly<Record<string, Cause>> = {
  withheld: {
    verdict: 'withheld',
    meaning: 'An item could not be shown in the form the device wants; it was left out, and the rest was sent.',
    todo: 'Look at the items listed below: change what is odd in them, or upgrade the server, and they are sent.',
  },
  slow: {
    verdict: 'slow',
    meaning: 'The answer took more than five seconds, waiting for news left aside.',
    todo: 'Look whether the server, its database or its disk was overloaded then; first syncs of large folders may be slow.',
  },
  looping: {
    verdict: 'looping',
    meaning: 'The device sends the same again and again without getting on, and is slowed down.',
    todo: 'Look at the exchange for what it does not understand; resync the folder, or let the person restart the device.',
  },
  storm: {
    verdict: 'storm',
    meaning: 'The device, or the account’s devices, send far more requests than anyone needs, and are slowed down.',
    todo: 'Look which program it is; it is served as before when it calms down. Block it when it does not.',
  },
  'looping.repeated': {
    verdict: 'looping',
    meaning: 'The device sends the same request again and again, and is slowed down.',
    todo: 'Look at the exchange for what it does not understand; resync the folder, or let the person restart the device.',
  },
  'looping.stuckKey': {
    verdict: 'looping',
    meaning: 'The device sends changes again and again with a key that does not move, and is slowed down.',
    todo: 'Look at the exchange: an item of it is refused each time, or the device does not take the answer; resync the folder.',
  },
  'looping.beginsAnew': {
    verdict: 'looping',
    meaning: 'The device begins its folders anew again and again, and is slowed down.',
    todo: 'Look at the exchanges before: something in the first answers makes it give up; watch it and replay.',
  },
  'storm.newDevices': {
    verdict: 'storm',
    meaning: 'The account shows ever new devices in a short time, and those are slowed down.',
    todo: 'Look which program it is that changes its DeviceId; block what is not the person’s, and change the password.',
  },
  'http.400': {
    verdict: 'refused',
    meaning: 'The request’s body was no WBXML that can be read.',
    todo: 'Look whether a proxy changes requests on their way; else look at the program of the device.',
  },
  'http.403': {
    verdict: 'refused',
    meaning: 'The device is blocked, or was wiped.',
    todo: 'Unblock it in the administration when it may come in again.',
  },
  'http.449': {
    verdict: null,
    meaning: 'The device must accept the security policy first; it asks for it now.',
    todo: 'Nothing: the device knows how to go on.',
  },
  'http.503': {
    verdict: 'failed',
    meaning: 'Something failed in this server, and the device was asked to come again.',
    todo: 'Look for the request in the log at that time; when it comes again and again, replay the exchange.',
  },
  http: { verdict: 'failed', meaning: 'The device was told an HTTP status that says no.', todo: helpless },
  'error.ViewBehind': {
    verdict: 'failed',
    meaning: 'The read models were too far behind the log to answer; the device comes again.',
    todo: 'Nothing when it is rare; else look whether the database is overloaded, or a page of events fails (see the log).',
  },
  'error.ItemContended': {
    verdict: 'failed',
    meaning: 'Several changed the same item at the same time, and this one gave up; the device comes again.',
    todo: 'Nothing when it is rare.',
  },
  'error.StreamBusy': {
    verdict: 'failed',
    meaning: 'Several wrote the same at the same time, and this one gave up; the device comes again.',
    todo: 'Nothing when it is rare.',
  },
  'error.TooManyAppends': {
    verdict: 'failed',
    meaning: 'More was to be stored than the database takes; the device comes again.',
    todo: 'Look at the database and its disk.',
  },
  error: {
    verdict: 'failed',
    meaning: 'A command ended with an error that nobody expected; the device comes again.',
    todo: 'Look at the exchange, which names the place, and replay it; it is a fault of this program.',
  },
  'office.recordNotFound': {
    verdict: 'refused',
    meaning: 'The office has no record any more for an item that was changed.',
    todo: 'Look at the history of the item; create the record in the office anew, or delete the item.',
  },
  'office.collectionOutOfReach': {
    verdict: 'refused',
    meaning: 'Nobody who is connected may write where the item lies in the office.',
    todo: 'Connect an account that may, or give the right in the office.',
  },
  office: {
    verdict: 'refused',
    meaning: 'The office refused a change, and the item was set back to what the office holds.',
    todo: 'The reason is the office’s own word: correct the value there or on the phone.',
  },
  unknown: {
    verdict: 'refused',
    meaning: 'The device was told a status of which this program knows nothing more.',
    todo: helpless,
  },
};

/** The causes of what slows a device down. */
export const causeOfBrake: Readonly<Record<BrakeReason, string>> = {
  repeated: 'looping.repeated',
  stuckKey: 'looping.stuckKey',
  beginsAnew: 'looping.beginsAnew',
  newDevices: 'storm.newDevices',
  storm: 'storm',
};

const named = new Map<string, Cause>(Object.entries(others));
const byNumber = new Map<string, string>();
for (const [table, [statuses, causes]] of Object.entries(tables)) {
  for (const [name, number] of Object.entries(statuses)) {
    const cause = (causes as Record<string, Cause | 'good'>)[name] as Cause | 'good';
    if (cause !== 'good') named.set(`${table}.${name}`, cause);
    byNumber.set(`${table} ${number}`, cause === 'good' ? '' : `${table}.${name}`);
  }
}

/** The cause that a status of a command stands for; undefined for a good one. From 101 on all commands mean the same. */
export function causeOfStatus(table: StatusTable, status: number): string | undefined {
  const cause = byNumber.get(`${status > 100 ? 'common' : table} ${status}`) ?? 'unknown';
  return cause === '' ? undefined : cause;
}

/** What a cause means. One that is not known by its whole name is of the kind before its dot. */
export function explained(cause: string): Cause {
  return (
    named.get(cause) ?? named.get(cause.slice(0, Math.max(0, cause.indexOf('.')))) ?? (named.get('unknown') as Cause)
  );
}

/** The verdict that a cause brings; null for the ordinary course. */
export function verdictOf(cause: string): Verdict | null {
  return explained(cause).verdict;
}
