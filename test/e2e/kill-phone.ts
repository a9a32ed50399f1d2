/**
 * A phone that keeps every request until it was answered, and sends it again as it was: what its answers promised is
 * written down, to be held against what the server has in the end.
 */
import { AirSync, Contacts, FolderHierarchy, Move } from '../../adapters/activesync/wbxml/code-pages/index.ts';
import { childrenOf, type Element, textOf } from '../../adapters/activesync/wbxml/element.ts';
import { encodeTree } from '../../adapters/activesync/wbxml/writer.ts';
import { EasClient, HttpError } from '../eas-client/client.ts';
import { folderSync, type WireFolder } from '../eas-client/commands/folders.ts';
import { type CollectionAnswer, encodeSync, readSync, type SyncCommand } from '../eas-client/commands/sync.ts';
import { el, numberAt } from '../eas-client/elements.ts';
import type { Command } from '../eas-client/query.ts';
import type { Transport } from '../eas-client/transport.ts';
import type { Random } from '../simulator/random.ts';

/** What the server has acknowledged of one item. */
export interface Promised {
  readonly name: string;
  serverId: string;
  collection: string;
  jobTitle: string;
  deleted: boolean;
}

interface Request {
  readonly command: Command;
  readonly body: Buffer;
  /** Takes the answer; says what of it must be the same every time. */
  readonly take: (root: Element | undefined) => string;
  first?: string;
}

const retriesMax = 50;
const contactFolder = 9;
const userContactFolder = 14;

export class KillPhone {
  readonly user: string;
  readonly deviceId: string;
  readonly items: Promised[] = [];
  readonly folders = new Map<string, string>();
  /** What should not have been. */
  readonly wrong: string[] = [];
  answered = 0;
  repeated = 0;
  /** How long it waits when it is told to come again; it then does so for as long as it takes. */
  patienceMs = 0;
  /** How often it was told by HTTP 503 to come again. */
  deferred = 0;
  #client: EasClient | undefined;
  #unanswered: Request | undefined;
  readonly #random: Random;
  readonly #keys = new Map<string, string>();
  #folderKey = '0';
  #contacts: string[] = [];
  #count = 0;

  constructor(user: string, deviceId: string, random: Random) {
    this.user = user;
    this.deviceId = deviceId;
    this.#random = random;
  }

  connect(transport: Transport): void {
    this.#client = new EasClient({ transport, user: this.user, password: 'demo', deviceId: this.deviceId });
  }

  get hasUnanswered(): boolean {
    return this.#unanswered !== undefined;
  }

  async setUp(): Promise<void> {
    const { key, added } = await folderSync(this.client, '0');
    this.#folderKey = key;
    this.#contacts = added.filter(({ type }) => type === contactFolder).map(({ id }) => id);
    for (const id of this.#contacts) await this.#begin(id);
  }

  get client(): EasClient {
    if (!this.#client) throw new Error('the phone is not connected');
    return this.#client;
  }

  /** One request, the unanswered one first. @throws NoAnswer when the server is gone: the request is kept. */
  async step(): Promise<void> {
    if (!this.#unanswered) this.#unanswered = this.#next();
    await this.#send(this.#unanswered);
  }

  /** Until nothing is unanswered. */
  async settle(): Promise<void> {
    if (this.#unanswered) await this.#send(this.#unanswered);
  }

  async #send(request: Request): Promise<void> {
    if (request.first !== undefined) this.repeated++;
    for (let attempt = 0; ; attempt++) {
      const root = await this.#exchange(request);
      const said = root === 'again' ? root : request.take(root);
      if (said === 'again') {
        if (this.patienceMs > 0) await new Promise((resolve) => setTimeout(resolve, this.patienceMs));
        if (attempt < retriesMax || this.patienceMs > 0) continue;
        throw new Error(`${request.command} is never answered`);
      }
      this.answered++;
      if (request.first !== undefined && request.first !== said) {
        this.wrong.push(`${request.command} was answered ${request.first} and then ${said}`);
      }
      request.first = said;
      break;
    }
    // Now and then an answer is lost on the way: what it said holds all the same.
    if (!this.#random.chance(0.2)) this.#unanswered = undefined;
  }

  async #exchange(request: Request): Promise<Element | undefined | 'again'> {
    try {
      return (await this.client.send(request.command, request.body, { timeoutMs: 20_000 })).root;
    } catch (error) {
      if (!(error instanceof HttpError && error.status === 503)) throw error;
      this.deferred++;
      return 'again';
    }
  }

  async #begin(id: string): Promise<void> {
    const { root, bytes } = await this.client.send('Sync', encodeSync({ collections: [{ id, key: '0' }] }));
    this.#keys.set(id, readSync(root, bytes).collections[0]?.key ?? '0');
  }

  #next(): Request {
    const live = this.items.filter(({ deleted }) => !deleted);
    const chance = this.#random.below(100);
    if (chance < 10 && this.folders.size < 4) return this.#createFolder();
    if (chance < 25 && this.#contacts.length > 1 && live.length > 0) return this.#move(this.#random.pick(live));
    return this.#sync(this.#random.pick(this.#contacts), live);
  }

  #sync(id: string, live: readonly Promised[]): Request {
    const key = this.#keys.get(id) ?? '0';
    if (key === '0') {
      return {
        command: 'Sync',
        body: encodeSync({ collections: [{ id, key }] }),
        take: (root) => this.#took(id, root, () => ''),
      };
    }
    const here = live.filter(({ collection }) => collection === id);
    const commands: SyncCommand[] = [];
    const added: Promised[] = [];
    const effects: (() => void)[] = [];
    const changed = here.length > 0 ? this.#random.pick(here) : undefined;
    const deleted = here.length > 3 && this.#random.chance(0.3) ? this.#random.pick(here) : undefined;
    for (let left = 1 + this.#random.below(3); left > 0; left--) {
      const name = `${this.deviceId}n${++this.#count}`;
      commands.push({ do: 'add', clientId: name, data: person(name, 'ny') });
      added.push({ name, serverId: '', collection: id, jobTitle: 'ny', deleted: false });
    }
    if (changed && changed !== deleted) {
      const jobTitle = `v${++this.#count}`;
      commands.push({ do: 'change', serverId: changed.serverId, data: person(changed.name, jobTitle) });
      effects.push(() => {
        changed.jobTitle = jobTitle;
      });
    }
    if (deleted) {
      commands.push({ do: 'delete', serverId: deleted.serverId });
      effects.push(() => {
        deleted.deleted = true;
      });
    }
    const collections = [{ id, key, getChanges: true, windowSize: 100, commands }];
    const take = (answer: CollectionAnswer): string => {
      const responses = new Map(answer.responses.map((response) => [response.clientId ?? response.serverId, response]));
      const ids = added.map((item) => {
        const { status, serverId = '' } = responses.get(item.name) ?? { status: 0 };
        if (status !== 1 || !serverId) this.wrong.push(`the Add of ${item.name} was answered with Status ${status}`);
        item.serverId = serverId;
        if (!this.items.includes(item)) this.items.push(item);
        return serverId;
      });
      const refused = answer.responses.filter((response) => response.do !== 'add' && response.status !== 1);
      for (const { do: verb, status } of refused) this.wrong.push(`a ${verb} was answered with Status ${status}`);
      for (const effect of effects.splice(0)) effect();
      return ids.join();
    };
    return { command: 'Sync', body: encodeSync({ collections }), take: (root) => this.#took(id, root, take) };
  }

  #took(id: string, root: Element | undefined, take: (answer: CollectionAnswer) => string): string {
    const answer = readSync(root, 0).collections[0];
    const status = answer?.status ?? numberAt(root, AirSync.Status);
    if (!answer || status !== 1) {
      if (status === 16) return 'again';
      this.wrong.push(`Sync was answered with Status ${status}`);
      return '';
    }
    this.#keys.set(id, answer.key);
    return take(answer);
  }

  #createFolder(): Request {
    const name = `${this.deviceId} mappe ${++this.#count}`;
    const children = [
      el(FolderHierarchy.SyncKey, this.#folderKey),
      el(FolderHierarchy.ParentId, '0'),
      el(FolderHierarchy.DisplayName, name),
      el(FolderHierarchy.Type, String(userContactFolder)),
    ];
    return {
      command: 'FolderCreate',
      body: encodeTree(el(FolderHierarchy.FolderCreate, children)),
      take: (root) => {
        const status = numberAt(root, FolderHierarchy.Status);
        const id = root && textOf(root, FolderHierarchy.ServerId);
        if (!root || status !== 1 || !id) {
          this.wrong.push(`FolderCreate was answered with Status ${status}`);
          return '';
        }
        this.#folderKey = textOf(root, FolderHierarchy.SyncKey) ?? '';
        this.folders.set(name, id);
        if (!this.#contacts.includes(id)) this.#contacts.push(id);
        return id;
      },
    };
  }

  #move(item: Promised): Request {
    const to = this.#random.pick(this.#contacts.filter((id) => id !== item.collection));
    const { serverId, collection } = item;
    const move = el(Move.Move, [el(Move.SrcMsgId, serverId), el(Move.SrcFldId, collection), el(Move.DstFldId, to)]);
    return {
      command: 'MoveItems',
      body: encodeTree(el(Move.MoveItems, [move])),
      take: (root) => {
        const [response] = root ? childrenOf(root, Move.Response) : [];
        const status = numberAt(response, Move.Status);
        const newId = response && textOf(response, Move.DstMsgId);
        if (status !== 3 || !newId) {
          this.wrong.push(`MoveItems was answered with Status ${status}`);
          return '';
        }
        item.collection = to;
        item.serverId = newId;
        return newId;
      },
    };
  }
}

export function person(name: string, jobTitle: string): Element {
  return el(AirSync.ApplicationData, [
    el(Contacts.FileAs, name),
    el(Contacts.LastName, name),
    el(Contacts.JobTitle, jobTitle),
  ]);
}

/** Everything a fresh phone of this person gets: contacts by folder, in the order they came. */
export async function everything(client: EasClient): Promise<{
  folders: readonly WireFolder[];
  items: { name: string; jobTitle: string; serverId: string; collection: string }[];
}> {
  const { added: folders } = await folderSync(client, '0');
  const items: { name: string; jobTitle: string; serverId: string; collection: string }[] = [];
  for (const { id } of folders.filter(({ type }) => type === contactFolder || type === userContactFolder)) {
    let key = '0';
    for (let more = true; more; ) {
      const isFirst = key === '0';
      const collection = { id, key, ...(isFirst ? {} : { getChanges: true, windowSize: 200 }) };
      const { root, bytes } = await client.send('Sync', encodeSync({ collections: [collection] }));
      const answer = readSync(root, bytes).collections[0];
      for (const { serverId, data } of answer?.commands ?? []) {
        const read = (tag: number) => (data && textOf(data, tag)) ?? '';
        items.push({ name: read(Contacts.LastName), jobTitle: read(Contacts.JobTitle), serverId, collection: id });
      }
      key = answer?.key ?? key;
      more = isFirst || (answer?.moreAvailable ?? false);
    }
  }
  return { folders, items };
}
