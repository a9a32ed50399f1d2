/**
 * A phone: a client that remembers. It sets itself up in the order real ones do, keeps a key and the items of every
 * folder, sends again what was not answered, and starts over where the server asks for it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Element } from '../../adapters/activesync/wbxml/element.ts';
import { type EasClient, HttpError, StatusError } from './client.ts';
import { folderSync } from './commands/folders.ts';
import { type PingAnswer, ping } from './commands/ping.ts';
import { type DeviceInformation, provision, sendDeviceInformation } from './commands/provision.ts';
import {
  type CollectionAnswer,
  type CollectionOptions,
  type ServerResponse,
  type SyncCommand,
  sync,
} from './commands/sync.ts';
import { type FolderState, kindOf, type PhoneState, type PimKind } from './state.ts';

export interface PhoneOptions {
  readonly client: EasClient;
  readonly state: PhoneState;
  readonly device?: DeviceInformation;
  readonly windowSize?: number;
  readonly collectionOptions?: CollectionOptions;
  /** Called whenever the state may be kept, and before anything is sent that must not be sent twice. */
  readonly save?: (state: PhoneState) => Promise<void>;
}

/** What came of a folder's conversation. */
export interface FolderNews {
  readonly folder: string;
  readonly added: Set<string>;
  readonly changed: Set<string>;
  readonly deleted: Map<string, Element | undefined>;
  readonly responses: ServerResponse[];
  /** The server knew the key no more, or never: everything was sent anew. */
  startedOver: boolean;
}

export type News = Map<string, FolderNews>;

export const thisDevice: DeviceInformation = {
  model: 'Scripted phone',
  friendlyName: 'MobileSync phone',
  os: 'Node',
  osLanguage: 'nb-NO',
};

const classNames: Readonly<Record<PimKind, string>> = {
  contact: 'Contacts',
  appointment: 'Calendar',
  task: 'Tasks',
  note: 'Notes',
};

/** More windows than any folder has: the server never comes to rest. */
const roundsMax = 10_000;
const retriesMax = 5;
const busyPauseMs = 250;
/** A wipe is asked for (140), and what the policy is about (MS-ASCMD 2.2.2): all are told by Provision. */
const provisionStatuses: readonly number[] = [140, 142, 143, 144];

export class Phone {
  readonly client: EasClient;
  readonly state: PhoneState;
  readonly #options: PhoneOptions;

  constructor(options: PhoneOptions) {
    this.client = options.client;
    this.state = options.state;
    this.#options = options;
    this.client.policyKey = options.state.policyKey;
    this.client.version = options.state.version;
  }

  get isSetUp(): boolean {
    return this.state.folderKey !== '0';
  }

  /** OPTIONS, FolderSync, Provision where it is asked for, Settings: everything before the first Sync. */
  async setUp(): Promise<{ versions: string[]; commands: string[]; provisioned: boolean }> {
    const offered = await this.client.options();
    const before = this.client.policyKey;
    await this.syncFolders();
    await this.#provisioned(() => sendDeviceInformation(this.client, this.#device));
    await this.#save();
    return { ...offered, provisioned: this.client.policyKey !== before };
  }

  /** The folder hierarchy as it is now; folders that are gone take their items along. */
  async syncFolders(): Promise<void> {
    const { state } = this;
    const changes = await this.#provisioned(async () => {
      try {
        return await folderSync(this.client, state.folderKey);
      } catch (error) {
        if (!(error instanceof StatusError) || error.status !== 9 || state.folderKey === '0') throw error;
        state.folderKey = '0';
        return await folderSync(this.client, '0');
      }
    });
    if (state.folderKey === '0') state.folders.clear();
    for (const folder of [...changes.added, ...changes.updated]) state.folders.set(folder.id, folder);
    for (const id of changes.deleted) state.folders.delete(id);
    for (const id of state.collections.keys()) if (!state.folders.has(id)) state.collections.delete(id);
    state.folderKey = changes.key;
    await this.#save();
  }

  /** Folders that hold personal information, of one kind when told. */
  folders(kind?: PimKind): string[] {
    const all = [...this.state.folders.values()];
    return all.filter((one) => (kind ? kindOf(one) === kind : kindOf(one) !== undefined)).map(({ id }) => id);
  }

  folder(id: string): FolderState {
    let folder = this.state.collections.get(id);
    if (!folder) this.state.collections.set(id, (folder = { key: '0', items: new Map(), pending: [] }));
    return folder;
  }

  nextClientId(): string {
    return `${this.client.deviceId}-${++this.state.clientIds}`;
  }

  /** Syncs the folders in windows until nothing more is there. @throws StatusError for what a phone cannot mend. */
  async sync(ids: readonly string[] = this.folders()): Promise<News> {
    const news: News = new Map();
    let open = [...ids];
    let retries = 0;
    for (let round = 0; open.length > 0; round++) {
      if (round > roundsMax) throw new Error('a folder never comes to rest');
      const outcome = await this.#round(open, news);
      if (outcome.retry.length > 0 && ++retries > retriesMax) throw new StatusError('Sync', outcome.status);
      open = [...outcome.more, ...outcome.retry].filter((id) => this.state.folders.has(id));
    }
    return news;
  }

  /** Sends commands on one folder's items, and takes what the server has for it. */
  async send(id: string, commands: readonly SyncCommand[]): Promise<FolderNews> {
    const folder = this.folder(id);
    if (folder.key === '0') await this.sync([id]);
    folder.pending = [...folder.pending, ...commands];
    await this.#save();
    const news = await this.sync([id]);
    return news.get(id) ?? noNews(id);
  }

  /** Parks one Ping on the folders, all unless told. */
  async ping(seconds: number, options: { ids?: readonly string[]; signal?: AbortSignal } = {}): Promise<PingAnswer> {
    const folders = (options.ids ?? this.folders()).map((id) => {
      const kind = kindOf(this.state.folders.get(id)!);
      return { id, class: kind ? classNames[kind] : 'Email' };
    });
    const request = { heartbeatSeconds: seconds, folders, signal: options.signal };
    return await this.#provisioned(() => ping(this.client, request));
  }

  get #device(): DeviceInformation {
    return this.#options.device ?? thisDevice;
  }

  async #save(): Promise<void> {
    this.state.policyKey = this.client.policyKey;
    this.state.version = this.client.version;
    await this.#options.save?.(this.state);
  }

  /** One request for all the folders, and what it means for each. */
  async #round(ids: readonly string[], news: News): Promise<{ more: string[]; retry: string[]; status: number }> {
    const collections = ids.map((id) => this.#request(id));
    const answer = await this.#provisioned(async () => {
      const answer = await sync(this.client, { collections });
      if (answer.status && provisionStatuses.includes(answer.status)) throw new StatusError('Sync', answer.status);
      return answer;
    });
    const outcome = { more: [] as string[], retry: [] as string[], status: answer.status ?? 1 };
    if (answer.collections.length === 0 && !answer.isEmpty && outcome.status !== 1) {
      await this.#mend(outcome.status, ids, news);
      outcome.retry = [...ids];
    }
    for (const collection of answer.collections) {
      const { id, status } = collection;
      if (status === 1) {
        const began = this.folder(id).key === '0';
        this.#take(collection, newsOf(news, id));
        if (collection.moreAvailable || began) outcome.more.push(id);
      } else {
        outcome.status = status;
        await this.#mend(status, [id], news);
        outcome.retry.push(id);
      }
    }
    await this.#save();
    return outcome;
  }

  #request(id: string) {
    const { key, pending } = this.folder(id);
    if (key === '0') return { id, key };
    return {
      id,
      key,
      getChanges: true,
      windowSize: this.#options.windowSize ?? 100,
      options: this.#options.collectionOptions ?? { bodyType: 1 as const, truncationSize: 200_000 },
      commands: pending,
    };
  }

  /** What a phone does about a status; throws where it can do nothing (MS-ASCMD 2.2.3.177.17). */
  async #mend(status: number, ids: readonly string[], news: News): Promise<void> {
    switch (status) {
      case 3:
        for (const id of ids) {
          const folder = this.folder(id);
          folder.key = '0';
          folder.items.clear();
          newsOf(news, id).startedOver = true;
        }
        return;
      case 12:
        return await this.syncFolders();
      case 5:
      case 16:
        // The server asks for the same again; asked at once it is as busy as before.
        return await pause(busyPauseMs);
      default:
        throw new StatusError('Sync', status);
    }
  }

  /** First the answers to the phone's own commands, then the server's. */
  #take(answer: CollectionAnswer, news: FolderNews): void {
    const folder = this.folder(answer.id);
    if (folder.key !== '0') {
      for (const command of folder.pending) settle(folder, command, answer.responses);
      folder.pending = [];
    }
    news.responses.push(...answer.responses);
    for (const { do: op, serverId, data } of answer.commands) {
      if (op === 'delete' || op === 'softDelete') {
        news.deleted.set(serverId, folder.items.get(serverId));
        folder.items.delete(serverId);
      } else if (data) {
        (op === 'add' ? news.added : news.changed).add(serverId);
        folder.items.set(serverId, data);
      }
    }
    folder.key = answer.key;
  }

  /** Runs it; where the server wants the device provisioned first, does that and runs it again. */
  async #provisioned<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      const isAsked =
        (error instanceof HttpError && error.status === 449) ||
        (error instanceof StatusError && provisionStatuses.includes(error.status));
      if (!isAsked) throw error;
      const outcome = await provision(this.client, this.#device);
      if (outcome.kind === 'wipe') throw new WipeOrdered();
      await this.#save();
      return await run();
    }
  }
}

/** The server ordered this device to be wiped, and the order was acknowledged. */
export class WipeOrdered extends Error {
  override readonly name = 'WipeOrdered';
}

function noNews(folder: string): FolderNews {
  return { folder, added: new Set(), changed: new Set(), deleted: new Map(), responses: [], startedOver: false };
}

function newsOf(news: News, id: string): FolderNews {
  let of = news.get(id);
  if (!of) news.set(id, (of = noNews(id)));
  return of;
}

/** What the answer to a command means for what is held. */
function settle(folder: FolderState, command: SyncCommand, responses: readonly ServerResponse[]): void {
  if (command.do === 'add') {
    const response = responses.find(({ clientId }) => clientId === command.clientId);
    if (response?.status === 1 && response.serverId) folder.items.set(response.serverId, command.data);
    return;
  }
  const response = responses.find(({ do: op, serverId }) => op === command.do && serverId === command.serverId);
  if (command.do === 'fetch') {
    if (response?.data) folder.items.set(command.serverId, response.data);
    return;
  }
  const isDone = response === undefined || response.status === 1;
  if (!isDone || command.instanceId) return;
  if (command.do === 'delete') folder.items.delete(command.serverId);
  else folder.items.set(command.serverId, command.data);
}
