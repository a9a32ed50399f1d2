/**
 * A phone with a person: it writes into its items while it is offline, sends all that in the next Sync, and sends it
 * again when the answer does not come, perhaps with more written in between. Sometimes it is restored from an old
 * backup, or set up anew.
 */

import type { Element } from '../../adapters/activesync/wbxml/element.ts';
import type { Fields, ItemKind } from '../../domain/item/fields.ts';
import { applicationData, fieldsOf } from '../world/examples.ts';
import type { Phone, PhoneCommand } from '../world/phone.ts';
import type { Random } from './random.ts';
import { scribbledNew, scribbledOver } from './scribbles.ts';

interface Pending {
  readonly command: PhoneCommand;
  readonly marks: readonly string[];
}

/** A mark that a server said it stored. */
export interface Acknowledged {
  readonly collection: string;
  readonly kind: ItemKind;
  readonly serverId: string;
  readonly mark: string;
}

interface Backup {
  readonly key: string;
  readonly items: ReadonlyMap<string, Element>;
}

export class UserPhone {
  readonly phone: Phone;
  readonly kinds: ReadonlyMap<string, ItemKind>;
  readonly acknowledged: Acknowledged[] = [];
  /** It may be told what it knows: support asked for that. */
  wasResynced = false;
  /** It went on while the server's log went back: it may be told too often what it knows, or to delete what it has not. */
  isRestoredFor = false;
  readonly #random: Random;
  readonly #nowMs: () => number;
  readonly #pending = new Map<string, Pending[]>();
  readonly #backups = new Map<string, Backup[]>();

  constructor(phone: Phone, kinds: ReadonlyMap<string, ItemKind>, random: Random, nowMs: () => number) {
    this.phone = phone;
    this.kinds = kinds;
    this.#random = random;
    this.#nowMs = nowMs;
  }

  get version() {
    return this.phone.session.version;
  }

  /** The person does something, offline. */
  write(collection: string): void {
    const random = this.#random;
    const kind = this.kinds.get(collection) as ItemKind;
    const folder = this.phone.folder(collection);
    const pending = this.#of(collection);
    const busy = new Set(pending.map(({ command }) => ('serverId' in command ? command.serverId : command.clientId)));
    const idle = [...folder.items.keys()].filter((item) => !busy.has(item));
    const what = random.weighted({
      add: 3,
      change: idle.length > 0 ? 5 : 0,
      delete: idle.length > 0 ? 1 : 0,
      edit: pending.length > 0 ? 1 : 0,
    });
    if (what === 'add') {
      const { fields, marks } = scribbledNew(kind, random, this.#nowMs());
      const clientId = this.phone.nextClientId();
      pending.push({ command: { do: 'add', clientId, data: this.#data(kind, fields) }, marks });
    } else if (what === 'delete') {
      pending.push({ command: { do: 'delete', serverId: random.pick(idle) }, marks: [] });
    } else if (what === 'change') {
      const serverId = random.pick(idle);
      const { fields, marks } = scribbledOver(kind, this.#fields(kind, folder.items.get(serverId) as Element), random);
      pending.push({ command: { do: 'change', serverId, data: this.#data(kind, fields) }, marks });
    } else {
      this.#editPending(kind, pending);
    }
  }

  /** A phone that has lost its mind: most of what it holds is deleted at once. */
  sweep(collection: string): void {
    const pending = this.#of(collection);
    const busy = new Set(pending.map(({ command }) => ('serverId' in command ? command.serverId : '')));
    for (const serverId of this.phone.folder(collection).items.keys()) {
      if (busy.has(serverId) || this.#random.chance(0.2)) continue;
      pending.push({ command: { do: 'delete', serverId }, marks: [] });
    }
  }

  /** One Sync of the folder, with everything pending. */
  async sync(collection: string, lose: boolean, getChanges = this.#random.chance(0.9)): Promise<void> {
    const folder = this.phone.folder(collection);
    if (folder.key === '0') return await this.setUp(collection);
    const pending = [...this.#of(collection)];
    const answer = await this.phone.sync(collection, {
      commands: pending.map(({ command }) => command),
      windowSize: this.#random.pick([1, 3, 10, 100]),
      getChanges,
      lose,
    });
    if (answer.status === 16) return;
    if (answer.status !== 1) throw new Error(`Sync answered Status ${answer.status}`);
    if (lose) return;
    this.#pending.set(collection, this.#of(collection).slice(pending.length));
    const kind = this.kinds.get(collection) as ItemKind;
    for (const { command, marks } of pending) {
      if (command.do === 'delete' || command.do === 'fetch') continue;
      const response = answer.responses.find((r) =>
        command.do === 'add' ? r.clientId === command.clientId : r.serverId === command.serverId,
      );
      const serverId = command.do === 'add' ? response?.serverId : command.serverId;
      if (!serverId) throw new Error('an Add was not answered');
      for (const mark of marks) this.acknowledged.push({ collection, kind, serverId, mark });
    }
    if (this.#random.chance(0.2)) {
      const backups = this.#backups.get(collection) ?? [];
      backups.push({ key: folder.key, items: new Map(folder.items) });
      this.#backups.set(collection, backups);
    }
  }

  /**
   * SyncKey 0: whatever was not yet sent is sent afterwards, as phones do with what they keep. Some keep everything, and
   * bring it again as new, before or after they take what is there.
   */
  async setUp(collection: string): Promise<void> {
    const folder = this.phone.folder(collection);
    const keeps = this.#random.chance(0.4) ? [...folder.items.values()] : [];
    const adds = this.#of(collection).filter(({ command }) => command.do === 'add');
    const brought = keeps.map((data): Pending => {
      return { command: { do: 'add', clientId: this.phone.nextClientId(), data }, marks: [] };
    });
    this.#pending.set(collection, [...adds, ...brought]);
    if (this.#random.chance(0.5)) return await this.phone.reset(collection);
    const answer = await this.phone.sync(collection, { key: '0' });
    folder.items.clear();
    folder.key = answer.key;
  }

  /** The phone is as it was some time ago. What it had not sent then is not known any more. */
  restore(collection: string): void {
    const backups = this.#backups.get(collection) ?? [];
    if (backups.length === 0) return;
    const { key, items } = this.#random.pick(backups);
    const folder = this.phone.folder(collection);
    folder.key = key;
    folder.items.clear();
    for (const [item, data] of items) folder.items.set(item, data);
    this.#pending.set(collection, []);
  }

  /** Sends what is left and takes what there is, until both sides rest. */
  async rest(collection: string): Promise<boolean> {
    const before = this.phone.folder(collection).key;
    await this.sync(collection, false, true);
    return before === this.phone.folder(collection).key && this.#of(collection).length === 0;
  }

  #editPending(kind: ItemKind, pending: Pending[]): void {
    const at = this.#random.below(pending.length);
    const { command, marks } = pending[at] as Pending;
    if (command.do !== 'add' && command.do !== 'change') return;
    const over = scribbledOver(kind, this.#fields(kind, command.data), this.#random);
    const data = this.#data(kind, over.fields);
    // A mark that was written over before it was ever answered is nobody's loss.
    const values = new Set(Object.values(over.fields));
    const kept = [...marks, ...over.marks].filter((mark) => values.has(mark));
    pending[at] = { command: { ...command, data }, marks: kept };
  }

  #of(collection: string): Pending[] {
    let pending = this.#pending.get(collection);
    if (!pending) this.#pending.set(collection, (pending = []));
    return pending;
  }

  #data(kind: ItemKind, fields: Fields): Element {
    return applicationData(kind, fields, this.version);
  }

  #fields(kind: ItemKind, data: Element): Fields {
    return fieldsOf(kind, data, this.version);
  }
}
