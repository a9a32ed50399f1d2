/** The command line of the phone. `node:util` parses it: one level of commands needs no library. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import {
  formatVersion,
  type ProtocolVersion,
  parseVersion,
  protocolVersions,
} from '../../../adapters/activesync/version.ts';
import type { PimKind } from '../state.ts';

export type PhoneAction =
  | { readonly do: 'help' }
  | { readonly do: 'sync' }
  | { readonly do: 'list'; readonly folder: string | undefined }
  | { readonly do: 'show'; readonly item: string }
  | { readonly do: 'add'; readonly kind: PimKind; readonly words: readonly string[] }
  | { readonly do: 'change'; readonly item: string; readonly words: readonly string[] }
  | { readonly do: 'delete'; readonly item: string }
  | { readonly do: 'wait' }
  | { readonly do: 'reset' };

export interface PhoneArgs {
  readonly user: string;
  readonly password: string;
  readonly url: string;
  readonly deviceId: string;
  /** Undefined: as before, or 14.1 for a new phone. */
  readonly version: ProtocolVersion | undefined;
  readonly query: 'plain' | 'base64';
  readonly stateFile: string;
  readonly zone: string;
  readonly windowSize: number;
  readonly seconds: number;
  readonly trace: boolean;
  readonly insecure: boolean;
  readonly action: PhoneAction;
}

/** The command line cannot be understood. The message is the sentence for the person. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const usage = `Usage: npm run phone -- --user kari@demo.example [options] [command]

A phone on the command line. It remembers its keys and items between commands, as a real one does.

Commands
  (none)                            set the account up if need be, sync every folder, show what is there
  sync                              sync every folder, show what changed
  list [folder]                     what the phone holds, without asking the server; folder by name, id or kind
  show <serverId>                   everything about one item
  add <kind> key=value …            kind is contact, appointment, task or note
  change <serverId> key=value …
  delete <serverId>
  wait                              Ping until something changes, then sync and show it
  reset                             forget everything: the next command sets the account up anew

Keys are the names of the wire (FirstName, Email1Address, Subject, StartTime, DueDate …) in any case, or short ones:
first, last, email, mobile, phone, company, start, end, allday, location, repeat, due, done, body, categories.
Times are local: start=2026-03-02T10:00. repeat=weekly:mo,we*10 is ten times on Mondays and Wednesdays.

Options
  --user ADDRESS        who signs in
  --password TEXT       default: demo
  --url URL             default: http://127.0.0.1:8080
  --device ID           default: one of its own for each user
  --version N           12.1, 14.0, 14.1, 16.0 or 16.1; default: 14.1
  --query FORM          plain or base64; default: plain
  --window N            items a Sync at most; default: 100
  --seconds N           how long wait waits; default: 540
  --zone NAME           whose local times; default: Europe/Oslo
  --state FILE          default: .data/phone/<user>-<device>.json
  --insecure            accept a certificate nobody signed
  --trace               print every exchange
  --help

Exit codes: 0 done; 1 the server refused or failed; 2 the command line is wrong; 3 the server is not reachable;
4 the sign-in was refused; 5 wait ended without a change.`;

const kinds: Readonly<Record<string, PimKind>> = {
  contact: 'contact',
  appointment: 'appointment',
  event: 'appointment',
  task: 'task',
  note: 'note',
};

/** @throws UsageError */
export function parsePhoneArgs(argv: readonly string[]): PhoneArgs {
  const { values, positionals } = parsed(argv);
  const action = values.help ? ({ do: 'help' } as const) : actionOf(positionals);
  const user = values.user ?? '';
  if (user === '' && action.do !== 'help') throw new UsageError('--user is missing: whose phone is it?');
  const version = values.version === undefined ? undefined : parseVersion(values.version);
  if (values.version !== undefined && version === undefined) {
    throw new UsageError(`--version must be one of ${protocolVersions.map(formatVersion).join(', ')}`);
  }
  const url = values.url ?? 'http://127.0.0.1:8080';
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new UsageError('--url must be http:// or https://');
  const query = values.query ?? 'plain';
  if (query !== 'plain' && query !== 'base64') throw new UsageError('--query must be plain or base64');
  const deviceId = values.device ?? 'PHONE1';
  if (!/^[A-Za-z0-9]{1,32}$/.test(deviceId)) throw new UsageError('--device has 1 to 32 letters and digits');
  const zone = values.zone ?? 'Europe/Oslo';
  try {
    new Intl.DateTimeFormat('sv-SE', { timeZone: zone });
  } catch {
    throw new UsageError(`--zone ${zone} is no time zone; write it as Europe/Oslo`);
  }
  return {
    user,
    password: values.password ?? 'demo',
    url,
    deviceId,
    version,
    query,
    stateFile: path.resolve(values.state ?? path.join('.data', 'phone', `${fileName(user)}-${deviceId}.json`)),
    zone,
    windowSize: integer('--window', values.window, 100, 1, 512),
    seconds: integer('--seconds', values.seconds, 540, 1, 86_400),
    trace: values.trace ?? false,
    insecure: values.insecure ?? false,
    action,
  };
}

function parsed(argv: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        user: text,
        password: text,
        url: text,
        device: text,
        version: text,
        query: text,
        window: text,
        seconds: text,
        zone: text,
        state: text,
        insecure: flag,
        trace: flag,
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

function actionOf([command, first, ...rest]: readonly string[]): PhoneAction {
  const item = (): string => {
    if (!first) throw new UsageError(`${command} needs a ServerId; list shows them`);
    return first;
  };
  const words = (): readonly string[] => {
    if (rest.length === 0) throw new UsageError(`${command} needs fields: key=value …`);
    return rest;
  };
  switch (command) {
    case undefined:
      return { do: 'sync' };
    case 'sync':
    case 'wait':
    case 'reset':
      if (first) throw new UsageError(`${command} takes no "${first}"`);
      return { do: command };
    case 'list':
      return { do: 'list', folder: first };
    case 'show':
    case 'delete':
      return { do: command, item: item() };
    case 'change':
      return { do: 'change', item: item(), words: words() };
    case 'add': {
      const kind = kinds[first ?? ''];
      if (!kind) throw new UsageError('add needs what: contact, appointment, task or note');
      return { do: 'add', kind, words: words() };
    }
    default:
      throw new UsageError(`there is no command "${command}"; --help lists them`);
  }
}

function integer(name: string, text: string | undefined, initial: number, min: number, max: number): number {
  if (text === undefined) return initial;
  const value = Number(text);
  if (!/^\d{1,9}$/.test(text) || value < min || value > max) {
    throw new UsageError(`${name} must be a whole number from ${min} to ${max}`);
  }
  return value;
}

function fileName(user: string): string {
  return user.toLowerCase().replaceAll(/[^a-z0-9.@_-]/g, '_');
}
