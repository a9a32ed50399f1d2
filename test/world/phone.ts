/**
 * A phone as the engine sees it: it holds items by ServerId, keeps one key a folder, and notices what no server should
 * do to it. Answers can be lost on their way.
 */
import type { Session } from '../../adapters/activesync/session.ts';
import { AirSync, AirSyncBase } from '../../adapters/activesync/wbxml/code-pages/index.ts';
import { child, childrenOf, type Element, textOf } from '../../adapters/activesync/wbxml/element.ts';
import { encodeTree, Writer, writeTree } from '../../adapters/activesync/wbxml/writer.ts';
import type { World } from './world.ts';

export type PhoneCommand =
  | { readonly do: 'add'; readonly clientId: string; readonly data: Element }
  | { readonly do: 'change'; readonly serverId: string; readonly data: Element; readonly instanceId?: string }
  | { readonly do: 'delete'; readonly serverId: string; readonly instanceId?: string }
  | { readonly do: 'fetch'; readonly serverId: string };

export interface SyncOptionsOfPhone {
  readonly commands?: readonly PhoneCommand[];
  readonly getChanges?: boolean;
  readonly windowSize?: number;
  readonly filterType?: number;
  readonly conflict?: 0 | 1;
  readonly bodyType?: 1 | 2;
  readonly truncationSize?: number;
  readonly supported?: readonly number[];
  /** The answer does not arrive: the phone stays as it was. */
  readonly lose?: boolean;
  /** Another key than the one it holds. */
  readonly key?: string;
  readonly waitSeconds?: number;
}

export interface SyncAnswer {
  readonly status: number;
  readonly key: string;
  readonly moreAvailable: boolean;
  readonly responses: readonly { do: string; status: number; clientId?: string; serverId?: string; data?: Element }[];
  readonly commands: readonly { do: string; serverId: string; data?: Element }[];
  /** An empty answer: nothing new. */
  readonly isEmpty: boolean;
}

export class PhoneFolder {
  key = '0';
  readonly items = new Map<string, Element>();
}

const names = new Map<number, string>([
  [AirSync.Add, 'add'],
  [AirSync.Change, 'change'],
  [AirSync.Delete, 'delete'],
  [AirSync.SoftDelete, 'softDelete'],
  [AirSync.Fetch, 'fetch'],
]);

export class Phone {
  /** The server it reaches: another one after a restart. */
  world: World;
  /** As its next request makes it: what the account says may change. */
  session: Session;
  readonly folders = new Map<string, PhoneFolder>();
  /** What the server did that it should not: a second Add of one item, an echo, an unknown item. */
  readonly complaints: string[] = [];
  #clientIds = 0;

  constructor(world: World, session: Session) {
    this.world = world;
    this.session = session;
  }

  /** This phone as it is now before another server, or a phone of another DeviceId made from its backup. */
  copy(world: World = this.world, session: Session = this.session): Phone {
    const copy = new Phone(world, session);
    for (const [collection, { key, items }] of this.folders) {
      const folder = copy.folder(collection);
      folder.key = key;
      for (const [item, data] of items) folder.items.set(item, data);
    }
    copy.#clientIds = this.#clientIds;
    return copy;
  }

  folder(collection: string): PhoneFolder {
    let folder = this.folders.get(collection);
    if (!folder) this.folders.set(collection, (folder = new PhoneFolder()));
    return folder;
  }

  nextClientId(): string {
    return `c${++this.#clientIds}`;
  }

  /** Begins anew: SyncKey 0, and everything from the server. */
  async reset(collection: string, options: SyncOptionsOfPhone = {}): Promise<void> {
    const folder = this.folder(collection);
    const answer = await this.sync(collection, { ...options, key: '0' });
    folder.items.clear();
    folder.key = answer.key;
    await this.pull(collection, options);
  }

  /** Syncs until nothing more is there. */
  async pull(collection: string, options: SyncOptionsOfPhone = {}): Promise<void> {
    if (this.folder(collection).key === '0') return await this.reset(collection, options);
    for (let round = 0; round < 1_000; round++) {
      const answer = await this.sync(collection, options);
      if (answer.status !== 1) throw new Error(`Sync answered Status ${answer.status}`);
      if (!answer.moreAvailable && answer.commands.length === 0) return;
    }
    throw new Error('the folder never comes to rest');
  }

  async sync(collection: string, options: SyncOptionsOfPhone = {}): Promise<SyncAnswer> {
    const folder = this.folder(collection);
    const key = options.key ?? folder.key;
    const root = await this.world.sync(this.session, this.#request(collection, key, options));
    const answer = read(root, key);
    if (!options.lose && options.key === undefined && answer.status === 1) this.#take(folder, answer, options);
    return answer;
  }

  #request(collection: string, key: string, options: SyncOptionsOfPhone): Buffer {
    const writer = new Writer();
    writer.open(AirSync.Sync).open(AirSync.Collections).open(AirSync.Collection);
    writer.element(AirSync.SyncKey, key).element(AirSync.CollectionId, collection);
    if (options.supported) {
      if (options.supported.length === 0) writer.empty(AirSync.Supported);
      else {
        writer.open(AirSync.Supported);
        for (const tag of options.supported) writer.empty(tag);
        writer.close();
      }
    }
    if (key !== '0') writer.element(AirSync.GetChanges, options.getChanges === false ? '0' : '1');
    if (options.windowSize !== undefined) writer.element(AirSync.WindowSize, String(options.windowSize));
    const { filterType, conflict, bodyType, truncationSize } = options;
    if (filterType !== undefined || conflict !== undefined || bodyType !== undefined) {
      writer.open(AirSync.Options);
      if (filterType !== undefined) writer.element(AirSync.FilterType, String(filterType));
      if (conflict !== undefined) writer.element(AirSync.Conflict, String(conflict));
      if (bodyType !== undefined) {
        writer.open(AirSyncBase.BodyPreference).element(AirSyncBase.Type, String(bodyType));
        if (truncationSize !== undefined) writer.element(AirSyncBase.TruncationSize, String(truncationSize));
        writer.close();
      }
      writer.close();
    }
    if (options.commands && options.commands.length > 0) {
      writer.open(AirSync.Commands);
      for (const command of options.commands) writeCommand(writer, command);
      writer.close();
    }
    writer.close().close();
    if (options.waitSeconds !== undefined) writer.element(AirSync.HeartbeatInterval, String(options.waitSeconds));
    return writer.close().finish();
  }

  /** What the answer means for what the phone holds: first its own commands, then the server's. */
  #take(folder: PhoneFolder, answer: SyncAnswer, options: SyncOptionsOfPhone): void {
    const failed = new Set(
      answer.responses.filter(({ status }) => status !== 1).map((response) => response.serverId ?? response.clientId),
    );
    for (const command of options.commands ?? []) {
      if (command.do === 'add') {
        const response = answer.responses.find(({ clientId }) => clientId === command.clientId);
        if (response?.status === 1 && response.serverId) {
          if (folder.items.has(response.serverId))
            this.complaints.push(`Add answered with a held ${response.serverId}`);
          folder.items.set(response.serverId, command.data);
        }
      } else if (command.do === 'delete' && !command.instanceId) {
        folder.items.delete(command.serverId);
      } else if (command.do === 'change' && !failed.has(command.serverId) && !command.instanceId) {
        folder.items.set(command.serverId, command.data);
      }
    }
    for (const { do: op, serverId, data } of answer.commands) {
      const held = folder.items.get(serverId);
      if (op === 'add' && held) this.complaints.push(`Add of ${serverId}, which is held`);
      if (op === 'change' && !held) this.complaints.push(`Change of ${serverId}, which is not held`);
      // What was refused is on the phone until it is told otherwise.
      const isDoubtful = failed.has(serverId);
      if (op === 'change' && held && data && !isDoubtful && encodeTree(held).equals(encodeTree(data))) {
        this.complaints.push(`Change of ${serverId} to what it is`);
      }
      if ((op === 'delete' || op === 'softDelete') && !held) this.complaints.push(`Delete of ${serverId}, not held`);
      if (op === 'delete' || op === 'softDelete') folder.items.delete(serverId);
      else if (data) folder.items.set(serverId, data);
    }
    folder.key = answer.key;
  }
}

function writeCommand(writer: Writer, command: PhoneCommand): void {
  if (command.do === 'add') {
    writer.open(AirSync.Add).element(AirSync.ClientId, command.clientId);
    writeTree(writer, command.data);
  } else if (command.do === 'change') {
    writer.open(AirSync.Change).element(AirSync.ServerId, command.serverId);
    if (command.instanceId) writer.element(AirSyncBase.InstanceId, command.instanceId);
    writeTree(writer, command.data);
  } else {
    writer.open(command.do === 'delete' ? AirSync.Delete : AirSync.Fetch).element(AirSync.ServerId, command.serverId);
    if (command.do === 'delete' && command.instanceId) writer.element(AirSyncBase.InstanceId, command.instanceId);
  }
  writer.close();
}

function read(root: Element | undefined, key: string): SyncAnswer {
  if (!root) return { status: 1, key, moreAvailable: false, responses: [], commands: [], isEmpty: true };
  const collections = child(root, AirSync.Collections);
  const collection = collections && child(collections, AirSync.Collection);
  if (!collection) {
    const status = Number(textOf(root, AirSync.Status));
    return { status, key, moreAvailable: false, responses: [], commands: [], isEmpty: false };
  }
  const responses = child(collection, AirSync.Responses)?.children ?? [];
  const commands = childrenOf(collection, AirSync.Commands).flatMap(({ children }) => children);
  return {
    status: Number(textOf(collection, AirSync.Status)),
    key: textOf(collection, AirSync.SyncKey) ?? key,
    moreAvailable: child(collection, AirSync.MoreAvailable) !== undefined,
    isEmpty: false,
    responses: responses.map((element) => ({
      do: names.get(element.tag) ?? '',
      status: Number(textOf(element, AirSync.Status)),
      clientId: textOf(element, AirSync.ClientId),
      serverId: textOf(element, AirSync.ServerId),
      data: child(element, AirSync.ApplicationData),
    })),
    commands: commands.map((element) => ({
      do: names.get(element.tag) ?? '',
      serverId: textOf(element, AirSync.ServerId) ?? '',
      data: child(element, AirSync.ApplicationData),
    })),
  };
}
