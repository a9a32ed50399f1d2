import { createHash } from 'node:crypto';
import type { XmlElement } from '../xml.ts';
import { type AnyRecord, type Change, type CompanyRecord, changed, type RecordOf, type ScreenKind } from './records.ts';
import { JsonFiles } from './store.ts';

export type ShareAccess = 'read' | 'readWrite' | 'freeBusy';

export interface SimulatedIdentity {
  readonly id: string;
  readonly clientId: number;
  readonly clientName: string;
  readonly isDefault: boolean;
  readonly blocked: boolean;
}

export interface SimulatedPerson {
  readonly email: string;
  readonly password: string;
  readonly displayName: string;
  readonly timeZone: string;
  /** Id of the person's CRM entry, and of the person's calendar. */
  readonly contactId: number;
  readonly identities: readonly SimulatedIdentity[];
}

export interface Share {
  readonly owner: string;
  readonly with: string;
  readonly access: ShareAccess;
}

export type OwnKind = Exclude<ScreenKind, 'companies'>;
export const ownKinds: readonly OwnKind[] = ['contacts', 'appointments', 'tasks', 'notes'];

/** What one person has at one tenant. */
export type Box = { readonly [K in OwnKind]: Map<number, RecordOf[K]> };

export interface CrmNote {
  readonly id: number;
  readonly personId: number;
  readonly subject: string;
  readonly description: string;
  readonly dateAdded: string;
}

/** A CRM person: what PersonItem says, kept as said. */
export interface CrmPerson {
  readonly id: number;
  readonly createdBy: string;
  readonly isPrivate: boolean;
  readonly isEmployee: boolean;
  readonly changedAt: string;
  readonly item: XmlElement;
}

/** What all people of one tenant share. */
export interface Client {
  readonly id: number;
  readonly name: string;
  readonly companies: Map<number, CompanyRecord>;
  readonly persons: Map<number, CrmPerson>;
  readonly notes: Map<number, CrmNote>;
}

const emptyBox = (): Box => ({ contacts: new Map(), appointments: new Map(), tasks: new Map(), notes: new Map() });

const byId = <R extends { readonly id: number }>(records: readonly R[]): Map<number, R> =>
  new Map(records.map((record) => [record.id, record]));

/** A GUID that is the same for the same name, so that a new start finds the same identities. */
function guid(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

interface StoredOffice {
  readonly people: readonly SimulatedPerson[];
  readonly shares: readonly Share[];
  readonly clients: readonly {
    readonly id: number;
    readonly name: string;
    readonly companies: readonly CompanyRecord[];
    readonly persons: readonly CrmPerson[];
    readonly notes: readonly CrmNote[];
  }[];
  readonly lastId: number;
}
type StoredBox = { readonly [K in OwnKind]: readonly RecordOf[K][] } & { readonly lastId: number };

/** Everything the simulated office holds, and its files. */
export class OfficeState {
  readonly people = new Map<string, SimulatedPerson>();
  readonly clients = new Map<number, Client>();
  readonly #shares: Share[] = [];
  readonly #boxes = new Map<string, Box>();
  readonly #files: JsonFiles;
  readonly #nowMs: () => number;
  #lastId = 1000;

  private constructor(files: JsonFiles, nowMs: () => number) {
    this.#files = files;
    this.#nowMs = nowMs;
  }

  static async open(directory: string | undefined, nowMs: () => number): Promise<OfficeState> {
    const files = new JsonFiles(directory);
    const state = new OfficeState(files, nowMs);
    for (const [name, content] of await files.load()) state.#restore(name, content);
    return state;
  }

  /** The present minute. */
  now(): string {
    const ms = this.#nowMs();
    return new Date(ms - (ms % 60_000)).toISOString().replace('.000Z', 'Z');
  }

  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  client(id: number, name: string): Client {
    const known = this.clients.get(id);
    if (known !== undefined) return known;
    const client: Client = { id, name, companies: new Map(), persons: new Map(), notes: new Map() };
    this.clients.set(id, client);
    this.officeChanged();
    return client;
  }

  /** Adds a person, or changes name, password and time zone of one who is there. */
  addPerson(given: {
    email: string;
    password: string;
    displayName?: string;
    timeZone?: string;
    clients?: readonly { id: number; name: string; blocked?: boolean }[];
  }): SimulatedPerson {
    const email = given.email.toLowerCase();
    const known = this.people.get(email);
    const clients = given.clients ?? [{ id: 1, name: 'Demo AS' }];
    const displayName = given.displayName ?? known?.displayName ?? email;
    const person: SimulatedPerson = {
      email,
      password: given.password,
      displayName,
      timeZone: given.timeZone ?? known?.timeZone ?? 'Europe/Oslo',
      contactId: known?.contactId ?? this.nextId(),
      identities: clients.map(({ id, name, blocked }, index) => ({
        id: guid(`${email}/${id}`),
        clientId: id,
        clientName: name,
        isDefault: index === 0,
        blocked: blocked === true,
      })),
    };
    this.people.set(email, person);
    const [FirstName = '', ...rest] = displayName.split(' ');
    for (const { id, name } of clients) {
      const item = {
        FirstName,
        LastName: rest.join(' '),
        EmailAddresses: { EmailAddress: [{ Type: 'Primary', Value: email }] },
      };
      const { contactId } = person;
      const employee = {
        id: contactId,
        createdBy: email,
        isPrivate: false,
        isEmployee: true,
        changedAt: this.now(),
        item,
      };
      this.client(id, name).persons.set(contactId, employee);
    }
    this.officeChanged();
    return person;
  }

  share(owner: string, withEmail: string, access: ShareAccess): void {
    const share = { owner: owner.toLowerCase(), with: withEmail.toLowerCase(), access };
    const at = this.#shares.findIndex((each) => each.owner === share.owner && each.with === share.with);
    if (at >= 0) this.#shares.splice(at, 1);
    this.#shares.push(share);
    this.officeChanged();
  }

  unshare(owner: string, withEmail: string): void {
    const at = this.#shares.findIndex(
      (share) => share.owner === owner.toLowerCase() && share.with === withEmail.toLowerCase(),
    );
    if (at >= 0) this.#shares.splice(at, 1);
    this.officeChanged();
  }

  sharesWith(email: string): readonly Share[] {
    return this.#shares.filter((share) => share.with === email);
  }

  box(email: string, clientId: number): Box {
    const key = `box ${clientId} ${email}`;
    const known = this.#boxes.get(key);
    if (known !== undefined) return known;
    const box = emptyBox();
    this.#boxes.set(key, box);
    return box;
  }

  /** Makes or changes a person's record. Throws Invalid. */
  save<K extends OwnKind>(
    person: SimulatedPerson,
    clientId: number,
    kind: K,
    id: number | undefined,
    change: Change,
    externalId?: string,
  ): RecordOf[K] {
    const records = this.box(person.email, clientId)[kind] as Map<number, RecordOf[K]>;
    const before = id === undefined ? undefined : records.get(id);
    const key = externalId ?? before?.externalId;
    const kept = { changedAt: this.now(), ...(key === undefined ? {} : { externalId: key }) };
    // Checked before a number is spent on it.
    const checked = changed(kind, before, change, { ...kept, id: id ?? 0 }, person.timeZone);
    const record = { ...checked, id: id ?? this.nextId() };
    records.set(record.id, record);
    this.boxChanged(person.email, clientId);
    return record;
  }

  remove(person: SimulatedPerson, clientId: number, kind: OwnKind, id: number): boolean {
    const existed = this.box(person.email, clientId)[kind].delete(id);
    if (existed) this.boxChanged(person.email, clientId);
    return existed;
  }

  saveCompany(client: Client, id: number | undefined, change: Change, externalId?: string): CompanyRecord {
    const before = id === undefined ? undefined : client.companies.get(id);
    const key = externalId ?? before?.externalId;
    const kept = { changedAt: this.now(), ...(key === undefined ? {} : { externalId: key }) };
    const checked = changed('companies', before, change, { ...kept, id: id ?? 0 }, 'UTC');
    const record = { ...checked, id: id ?? this.nextId() };
    client.companies.set(record.id, record);
    this.officeChanged();
    return record;
  }

  officeChanged(): void {
    this.#files.changed(
      'office',
      (): StoredOffice => ({
        people: [...this.people.values()],
        shares: this.#shares,
        clients: [...this.clients.values()].map((client) => ({
          id: client.id,
          name: client.name,
          companies: [...client.companies.values()],
          persons: [...client.persons.values()],
          notes: [...client.notes.values()],
        })),
        lastId: this.#lastId,
      }),
    );
  }

  boxChanged(email: string, clientId: number): void {
    const box = this.box(email, clientId);
    this.#files.changed(`box ${clientId} ${email}`, (): StoredBox => {
      const list = <R extends AnyRecord>(records: Map<number, R>) => [...records.values()];
      const { contacts, appointments, tasks, notes } = box;
      return {
        contacts: list(contacts),
        appointments: list(appointments),
        tasks: list(tasks),
        notes: list(notes),
        lastId: this.#lastId,
      };
    });
  }

  /** Resolves when everything changed so far would survive the death of the process. */
  async flush(): Promise<void> {
    await this.#files.flush();
  }

  #restore(name: string, content: unknown): void {
    if (name === 'office') {
      const stored = content as StoredOffice;
      for (const person of stored.people) this.people.set(person.email, person);
      this.#shares.push(...stored.shares);
      for (const { id, name, companies, persons, notes } of stored.clients) {
        this.clients.set(id, { id, name, companies: byId(companies), persons: byId(persons), notes: byId(notes) });
      }
      this.#lastId = Math.max(this.#lastId, stored.lastId);
      return;
    }
    const stored = content as StoredBox;
    const { contacts, appointments, tasks, notes } = stored;
    const box = { contacts: byId(contacts), appointments: byId(appointments), tasks: byId(tasks), notes: byId(notes) };
    this.#boxes.set(name, box);
    this.#lastId = Math.max(this.#lastId, stored.lastId);
  }
}
