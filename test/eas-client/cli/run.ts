/** What the phone's commands do, with what they print. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { Element } from '../../../adapters/activesync/wbxml/element.ts';
import { formatXml } from '../../../adapters/activesync/wbxml/format.ts';
import { table } from '../../../api/cli/table.ts';
import { EasClient, type Exchange, HttpError, ProtocolError, StatusError } from '../client.ts';
import type { ServerResponse, SyncCommand } from '../commands/sync.ts';
import { changedItem, type FieldContext, newItem, UnknownField } from '../fields.ts';
import { type FolderNews, type News, Phone, WipeOrdered } from '../phone.ts';
import { kindOf, newState, type PimKind, readState, UnreadableState, writeState } from '../state.ts';
import { NoAnswer, Transport } from '../transport.ts';
import { type PhoneArgs, parsePhoneArgs, UsageError, usage } from './args.ts';
import { itemDetails, itemTable, itemTitle } from './show.ts';

export const exitCode = { done: 0, failed: 1, usage: 2, unreachable: 3, signIn: 4, nothing: 5 } as const;
type ExitCode = (typeof exitCode)[keyof typeof exitCode];

export interface Output {
  readonly print: (text: string) => void;
  readonly complain: (text: string) => void;
}

/** Runs one command line; never throws for what a person or a server can cause. */
export async function runPhone(argv: readonly string[], output: Output): Promise<ExitCode> {
  let args: PhoneArgs;
  try {
    args = parsePhoneArgs(argv);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    output.complain(error.message);
    return exitCode.usage;
  }
  if (args.action.do === 'help') {
    output.print(usage);
    return exitCode.done;
  }
  if (args.action.do === 'reset') {
    await rm(args.stateFile, { force: true });
    output.print('The phone has forgotten everything.');
    return exitCode.done;
  }
  const transport = new Transport({ url: args.url, insecure: args.insecure });
  try {
    return await new Session(args, output, transport).run();
  } catch (error) {
    const told = explain(error, args);
    if (!told) throw error;
    output.complain(told.message);
    return told.code;
  } finally {
    await transport.close();
  }
}

class Session {
  readonly #args: PhoneArgs;
  readonly #output: Output;
  readonly #transport: Transport;

  constructor(args: PhoneArgs, output: Output, transport: Transport) {
    this.#args = args;
    this.#output = output;
    this.#transport = transport;
  }

  async run(): Promise<ExitCode> {
    const phone = await this.#phone();
    const { action } = this.#args;
    switch (action.do) {
      case 'sync':
        return await this.#sync(phone);
      case 'list':
        return this.#list(phone, action.folder);
      case 'show': {
        const { data } = find(phone, action.item);
        this.#output.print(itemDetails(data, this.#args.zone));
        return exitCode.done;
      }
      case 'add': {
        await this.#ready(phone);
        const [folder] = phone.folders(action.kind);
        if (!folder) throw new Refused(`The server offers no folder for a ${action.kind}.`);
        const data = newItem(action.kind, action.words, this.#fields(phone));
        return await this.#send(phone, folder, { do: 'add', clientId: phone.nextClientId(), data });
      }
      case 'change': {
        const { folder, kind, data: held } = find(phone, action.item);
        const data = changedItem(kind, held, action.words, this.#fields(phone));
        return await this.#send(phone, folder, { do: 'change', serverId: action.item, data });
      }
      case 'delete': {
        const { folder } = find(phone, action.item);
        return await this.#send(phone, folder, { do: 'delete', serverId: action.item });
      }
      case 'wait':
        return await this.#wait(phone);
      default:
        throw new Error(`a command without an action: ${action.do}`);
    }
  }

  async #phone(): Promise<Phone> {
    const { stateFile, url, user, deviceId, password, query, version, windowSize, trace } = this.#args;
    const kept = await readState(stateFile);
    const state = kept ?? newState({ url, user, deviceId, version: version ?? 141 });
    if (state.user.toLowerCase() !== user.toLowerCase() || state.deviceId !== deviceId) {
      throw new Refused(`${stateFile} belongs to the phone ${state.deviceId} of ${state.user}.`);
    }
    state.version = version ?? state.version;
    const client = new EasClient({
      transport: this.#transport,
      user,
      password,
      deviceId,
      query,
      version: state.version,
      onExchange: trace ? (exchange) => this.#output.print(traceText(exchange)) : undefined,
    });
    return new Phone({ client, state, windowSize, save: (kept) => writeState(stateFile, kept) });
  }

  /** Sets the account up when it is not, and has every folder begun. */
  async #ready(phone: Phone): Promise<void> {
    if (phone.isSetUp) return;
    const { versions, provisioned } = await phone.setUp();
    this.#output.print(`The server speaks ${versions.join(', ')}.${provisioned ? ' Its policy was accepted.' : ''}`);
  }

  async #sync(phone: Phone): Promise<ExitCode> {
    const started = performance.now();
    const isNew = !phone.isSetUp;
    await this.#ready(phone);
    if (!isNew) await phone.syncFolders();
    const news = await phone.sync();
    const seconds = ((performance.now() - started) / 1_000).toFixed(2);
    if (isNew) {
      for (const id of phone.folders()) this.#printFolder(phone, id);
    } else this.#printNews(phone, news);
    const counts = phone.folders().map((id) => {
      const changes = news.get(id);
      const count = (set: { size: number } | undefined): string => (set?.size ? String(set.size) : '');
      const folder = phone.folder(id);
      const name = phone.state.folders.get(id)?.name ?? id;
      return [name, String(folder.items.size), count(changes?.added), count(changes?.changed), count(changes?.deleted)];
    });
    this.#output.print(`\n${table(['Folder', 'Items', 'New', 'Changed', 'Gone'], counts)}\n\n${seconds} s`);
    return exitCode.done;
  }

  #list(phone: Phone, wanted: string | undefined): ExitCode {
    if (!phone.isSetUp) throw new Refused('This phone is not set up yet: run it without a command first.');
    const ids = phone.folders().filter((id) => {
      const folder = phone.state.folders.get(id)!;
      const names = [id, folder.name, kindOf(folder), `${kindOf(folder)}s`];
      return wanted === undefined || names.some((name) => name?.toLowerCase() === wanted.toLowerCase());
    });
    if (ids.length === 0) throw new Refused(`There is no folder "${wanted}".`);
    for (const id of ids) this.#printFolder(phone, id);
    return exitCode.done;
  }

  async #send(phone: Phone, folder: string, command: SyncCommand): Promise<ExitCode> {
    const news = await phone.send(folder, [command]);
    const response = news.responses.find((one) => isAnswerTo(one, command));
    this.#printNews(phone, new Map([[folder, news]]));
    if (response && response.status !== 1) {
      this.#output.complain(`The server refused it: Status ${response.status}.`);
      return exitCode.failed;
    }
    if (command.do === 'add' && !response?.serverId) {
      this.#output.complain('The server did not answer the Add: it gave no ServerId.');
      return exitCode.failed;
    }
    this.#output.print(command.do === 'add' ? `added ${response!.serverId}` : `${command.do}d ${command.serverId}`);
    return exitCode.done;
  }

  async #wait(phone: Phone): Promise<ExitCode> {
    await this.#ready(phone);
    const unstarted = phone.folders().some((id) => phone.folder(id).key === '0');
    if (unstarted) await phone.sync();
    const end = performance.now() + this.#args.seconds * 1_000;
    let longest = this.#args.seconds;
    for (;;) {
      const left = Math.ceil((end - performance.now()) / 1_000);
      if (left <= 0) {
        this.#output.print('Nothing changed.');
        return exitCode.nothing;
      }
      const answer = await phone.ping(Math.min(left, longest));
      if (answer.kind === 'changes') {
        const started = performance.now();
        this.#printNews(phone, await phone.sync(answer.folders));
        this.#output.print(`${Math.round(performance.now() - started)} ms after the Ping was answered`);
        return exitCode.done;
      }
      if (answer.kind === 'heartbeat') {
        // A bound above what is asked for: the person waits no longer than said, the server gets what it wants.
        longest = Math.max(answer.limit, 1);
        if (longest > left) {
          const cut = await this.#cutPing(phone, longest, left);
          if (cut === 'nothing') return exitCode.nothing;
          this.#printNews(phone, await phone.sync());
          return exitCode.done;
        }
      } else if (answer.kind === 'status' && answer.status === 7) await phone.syncFolders();
      else if (answer.kind === 'status') throw new StatusError('Ping', answer.status);
      else if (answer.kind === 'folders') throw new StatusError('Ping', 6);
    }
  }

  /** A Ping longer than the person waits: hung up when the time is over, as phones do. */
  async #cutPing(phone: Phone, heartbeat: number, seconds: number): Promise<'changes' | 'nothing'> {
    const signal = AbortSignal.timeout(seconds * 1_000);
    try {
      const answer = await phone.ping(heartbeat, { signal });
      return answer.kind === 'changes' ? 'changes' : 'nothing';
    } catch (error) {
      if (!(error instanceof NoAnswer) || error.reason !== 'cancelled') throw error;
      this.#output.print('Nothing changed.');
      return 'nothing';
    }
  }

  #printFolder(phone: Phone, id: string): void {
    const folder = phone.state.folders.get(id)!;
    const { items } = phone.folder(id);
    this.#output.print(`\n${folder.name} (${items.size})`);
    if (items.size > 0) this.#output.print(itemTable(kindOf(folder)!, items, this.#args.zone));
  }

  #printNews(phone: Phone, news: News): void {
    const rows: string[][] = [];
    for (const [id, changes] of news) {
      const folder = phone.state.folders.get(id);
      const kind = folder && kindOf(folder);
      if (!folder || !kind) continue;
      if (changes.startedOver) rows.push([folder.name, 'started over', '', '']);
      rows.push(...newsRows(phone, kind, folder.name, changes, this.#args.zone));
    }
    this.#output.print(rows.length === 0 ? 'Nothing new.' : table(['Folder', 'What', 'ServerId', 'Item'], rows));
  }

  #fields(phone: Phone): FieldContext {
    return { version: phone.state.version, zone: this.#args.zone, nowMs: Date.now(), uid: randomUUID() };
  }
}

function newsRows(phone: Phone, kind: PimKind, name: string, changes: FolderNews, zone: string): string[][] {
  const { items } = phone.folder(changes.folder);
  const held = (what: string, ids: Iterable<string>): string[][] =>
    [...ids].map((id) => [name, what, id, itemTitle(kind, items.get(id), zone)]);
  return [
    ...held('new', changes.added),
    ...held('changed', changes.changed),
    ...[...changes.deleted].map(([id, data]) => [name, 'gone', id, itemTitle(kind, data, zone)]),
  ];
}

function isAnswerTo(response: ServerResponse, command: SyncCommand): boolean {
  if (command.do === 'add') return response.clientId === command.clientId;
  return response.do === command.do && response.serverId === command.serverId;
}

function find(phone: Phone, item: string): { folder: string; kind: PimKind; data: Element } {
  for (const id of phone.folders()) {
    const data = phone.folder(id).items.get(item);
    if (data) return { folder: id, kind: kindOf(phone.state.folders.get(id)!)!, data };
  }
  throw new Refused(`This phone holds no item ${item}; list shows what it holds.`);
}

function traceText({ command, request, status, answer, milliseconds }: Exchange): string {
  const head = `── ${command}  HTTP ${status}  ${milliseconds.toFixed(1)} ms`;
  const part = (mark: string, element: Element | undefined): string =>
    (element ? formatXml(element) : '(no body)').replaceAll(/^/gm, mark);
  return [head, part('> ', request), part('< ', answer)].join('\n');
}

/** What the person asked for cannot be done. */
class Refused extends Error {}

/** The sentence for the person; undefined for errors of the program. */
function explain(error: unknown, { url, user, stateFile }: PhoneArgs): { message: string; code: ExitCode } | undefined {
  if (error instanceof NoAnswer && error.reason === 'unreachable') {
    return {
      message: `No server answers at ${url}. Start one with: npm start (or name another with --url).`,
      code: exitCode.unreachable,
    };
  }
  if (error instanceof NoAnswer) {
    return {
      message: `The server at ${url} gave no answer: ${error.message}. The same command again is safe.`,
      code: exitCode.unreachable,
    };
  }
  if (error instanceof HttpError)
    return { message: httpMessage(error, user), code: error.status === 401 ? exitCode.signIn : exitCode.failed };
  if (error instanceof UnreadableState) {
    return { message: `${stateFile} cannot be read (${error.message}); reset forgets it.`, code: exitCode.failed };
  }
  if (error instanceof WipeOrdered) {
    return { message: 'The server ordered this phone to be wiped; reset forgets everything.', code: exitCode.failed };
  }
  if (error instanceof UnknownField) return { message: error.message, code: exitCode.usage };
  if (error instanceof Refused || error instanceof StatusError || error instanceof ProtocolError) {
    return { message: error.message, code: exitCode.failed };
  }
  return undefined;
}

function httpMessage({ status, message, retryAfter }: HttpError, user: string): string {
  switch (status) {
    case 401:
      return `The server does not accept this name and password for ${user} (HTTP 401).`;
    case 403:
      return `The server refuses this device or person (HTTP 403).`;
    case 404:
    case 501:
      return `${message}: there is no ActiveSync at this address, or not this command.`;
    case 449:
      return 'The server wants the policy accepted (HTTP 449), and did so again after it was.';
    case 503:
      return `The server is busy (HTTP 503)${retryAfter ? `; it asks to come again in ${retryAfter} s` : ''}.`;
    default:
      return `${message}.`;
  }
}
