import type { AppointmentFields } from '../../domain/appointment/fields.ts';
import type { ContactFields } from '../../domain/contact/fields.ts';
import type { Fields, ItemKind } from '../../domain/item/fields.ts';
import type { Instant, TimeZoneName } from '../../domain/shared/ids.ts';
import { AuthenticationFailed, NotFound, OutcomeUnknown, Refused } from './errors.ts';
import { externalKeyMaxLength } from './limits.ts';
import {
  type FakeOfficeCall,
  type FakeOfficeFault,
  type FakeOfficeOperation,
  type MayFault,
  meetFault,
} from './memory-faults.ts';
import { hashOfNormalised, normalise, officeFields, officeHash, unsupportedFields } from './normalise.ts';
import type {
  OfficeAccess,
  OfficeCapabilities,
  OfficeCollection,
  OfficeCollectionId,
  OfficeCredentials,
  OfficeDirectoryEntry,
  OfficeFieldsOf,
  OfficeHash,
  OfficeKind,
  OfficeListing,
  OfficeRecord,
  OfficeRecordId,
  OfficeSession,
  OfficeSystem,
  OfficeWritten,
} from './port.ts';
import { isTimeZone, minuteInstant } from './time.ts';

export type { FakeOfficeCall, FakeOfficeFault, FakeOfficeOperation, MayFault } from './memory-faults.ts';

export interface FakeOfficeOptions {
  /** Milliseconds since 1970, from a virtual clock. */
  readonly nowMs: () => number;
  /** Asked once for each call, in order; so a seeded source makes a whole run repeatable. */
  readonly fault?: (call: FakeOfficeCall) => MayFault;
}

interface Person {
  readonly email: string;
  readonly password: string;
  readonly displayName: string;
  readonly timeZone: TimeZoneName;
}

interface Stored {
  readonly id: OfficeRecordId;
  readonly fields: Fields;
  readonly changedAt: Instant;
  readonly externalKey?: string;
}

const ownKinds: readonly ItemKind[] = ['contact', 'appointment', 'task', 'note'];
const collectionId = (owner: string, kind: OfficeKind) => `${kind}:${owner}` as OfficeCollectionId;

/** An office in memory, without a clock or chance of its own: the same calls give the same answers. */
export class FakeOffice implements OfficeSystem {
  readonly capabilities: OfficeCapabilities = {
    system: 'fake',
    kinds: { contact: 'readWrite', appointment: 'readWrite', task: 'readWrite', note: 'readWrite', company: 'read' },
    sharedCollections: 'readWrite',
    directory: true,
    deletesVisible: 'fullScan',
    precisionSeconds: 60,
    externalKeyMaxLength,
  };
  /** How often each operation was called, whatever came of it. */
  readonly calls: Partial<Record<FakeOfficeOperation, number>> = {};

  readonly #options: FakeOfficeOptions;
  readonly #people = new Map<string, Person>();
  readonly #shares: { owner: string; with: string; access: OfficeAccess }[] = [];
  readonly #records = new Map<string, Map<OfficeRecordId, Stored>>();
  readonly #companies = new Map<OfficeRecordId, Stored>();
  #lastId = 0;

  constructor(options: FakeOfficeOptions) {
    this.#options = options;
  }

  addPerson(person: { email: string; password: string; displayName?: string; timeZone?: string }): void {
    const email = person.email.toLowerCase();
    this.#people.set(email, {
      email,
      password: person.password,
      displayName: person.displayName ?? email,
      timeZone: (person.timeZone ?? 'Europe/Oslo') as TimeZoneName,
    });
    for (const kind of ownKinds) this.#records.set(collectionId(email, kind), new Map());
  }

  /** Lets `withEmail` see the calendar of `owner`. */
  share(owner: string, withEmail: string, access: OfficeAccess): void {
    this.#shares.push({ owner: owner.toLowerCase(), with: withEmail.toLowerCase(), access });
  }

  /** A colleague makes a record in the office's own screens. */
  screenCreate(email: string, kind: OfficeKind, fields: Fields, externalKey?: string): OfficeRecordId {
    return this.#insert(this.#box(email, kind), kind, fields, externalKey).id;
  }

  /** A colleague changes a record: `undefined` clears a field. Throws for a record that is not there. */
  screenUpdate(email: string, kind: OfficeKind, id: OfficeRecordId, change: Fields): void {
    const box = this.#box(email, kind);
    const before = box.get(id);
    if (before === undefined) throw new Error(`No ${kind} ${id}`);
    this.#replace(box, kind, before, { ...before.fields, ...change });
  }

  screenDelete(email: string, kind: OfficeKind, id: OfficeRecordId): boolean {
    return this.#box(email, kind).delete(id);
  }

  screenRecords(email: string, kind: OfficeKind): readonly OfficeRecord[] {
    return [...this.#box(email, kind).values()].map((stored) => this.#record(kind, stored));
  }

  async open(credentials: OfficeCredentials): Promise<OfficeSession> {
    const owner = credentials.username.toLowerCase();
    await this.#fault({ operation: 'open', owner });
    const person = this.#people.get(owner);
    if (person === undefined || person.password !== credentials.password) {
      throw new AuthenticationFailed('The office does not accept this name and password');
    }
    const { displayName, timeZone } = person;
    return { owner, displayName, timeZone, tenants: [{ id: 'fake', name: 'Fake', current: true }] };
  }

  async listCollections(session: OfficeSession): Promise<readonly OfficeCollection[]> {
    await this.#fault({ operation: 'listCollections', owner: session.owner });
    return this.#collections(session);
  }

  async list(session: OfficeSession, collection: OfficeCollection): Promise<OfficeListing> {
    const { kind } = collection;
    const fault = await this.#fault({ operation: 'list', owner: session.owner, kind });
    const { access } = this.#granted(session, collection);
    if (fault === 'emptyList') return { complete: true, records: [] };
    const records = [...this.#box(collection.owner, kind).values()].map((stored) => this.#record(kind, stored, access));
    return { complete: true, records };
  }

  async get(session: OfficeSession, collection: OfficeCollection, id: OfficeRecordId): Promise<OfficeRecord | null> {
    await this.#fault({ operation: 'get', owner: session.owner, kind: collection.kind });
    const { access } = this.#granted(session, collection);
    const stored = this.#box(collection.owner, collection.kind).get(id);
    return stored === undefined ? null : this.#record(collection.kind, stored, access);
  }

  async findByExternalKey(
    session: OfficeSession,
    collection: OfficeCollection,
    key: string,
  ): Promise<OfficeRecord | null> {
    await this.#fault({ operation: 'findByExternalKey', owner: session.owner, kind: collection.kind });
    const { access } = this.#granted(session, collection);
    for (const stored of this.#box(collection.owner, collection.kind).values()) {
      if (stored.externalKey === key) return this.#record(collection.kind, stored, access);
    }
    return null;
  }

  async create(
    session: OfficeSession,
    collection: OfficeCollection,
    fields: Fields,
    externalKey: string,
  ): Promise<OfficeWritten> {
    if (externalKey.length === 0 || externalKey.length > externalKeyMaxLength) {
      throw new RangeError(`An external key has 1 to ${externalKeyMaxLength} characters`);
    }
    const { kind } = collection;
    const fault = await this.#fault({ operation: 'create', owner: session.owner, kind });
    this.#writable(session, collection);
    this.#acceptable(kind, fields);
    const { id } = this.#insert(this.#box(collection.owner, kind), kind, fields, externalKey);
    if (fault === 'lostAnswer') throw new OutcomeUnknown('No answer to create');
    return { id, unsupported: unsupportedFields(kind, fields) };
  }

  async update(
    session: OfficeSession,
    collection: OfficeCollection,
    id: OfficeRecordId,
    fields: Fields,
  ): Promise<OfficeWritten> {
    const { kind } = collection;
    const fault = await this.#fault({ operation: 'update', owner: session.owner, kind });
    this.#writable(session, collection);
    this.#acceptable(kind, fields);
    const box = this.#box(collection.owner, kind);
    const before = box.get(id);
    if (before === undefined) throw new NotFound(`No ${kind} ${id}`);
    this.#replace(box, kind, before, fields);
    if (fault === 'lostAnswer') throw new OutcomeUnknown('No answer to update');
    return { id, unsupported: unsupportedFields(kind, fields) };
  }

  async delete(
    session: OfficeSession,
    collection: OfficeCollection,
    id: OfficeRecordId,
  ): Promise<{ readonly existed: boolean }> {
    const fault = await this.#fault({ operation: 'delete', owner: session.owner, kind: collection.kind });
    this.#writable(session, collection);
    const existed = this.#box(collection.owner, collection.kind).delete(id);
    if (fault === 'lostAnswer') throw new OutcomeUnknown('No answer to delete');
    return { existed };
  }

  async searchDirectory(session: OfficeSession, text: string, limit: number): Promise<readonly OfficeDirectoryEntry[]> {
    await this.#fault({ operation: 'searchDirectory', owner: session.owner });
    const wanted = text.trim().toLowerCase();
    if (wanted === '') return [];
    const people = [...this.#people.values()]
      .filter((person) => `${person.displayName} ${person.email}`.toLowerCase().includes(wanted))
      .map((person): OfficeDirectoryEntry => {
        const fields: ContactFields = { givenName: person.displayName, email1: person.email };
        return { id: person.email, kind: 'person', displayName: person.displayName, fields };
      });
    const companies = [...this.#companies.values()]
      .filter((stored) => String(stored.fields.company).toLowerCase().includes(wanted))
      .map((stored): OfficeDirectoryEntry => {
        const fields = stored.fields as ContactFields;
        return { id: stored.id, kind: 'company', displayName: fields.company ?? '', fields };
      });
    return [...people, ...companies].slice(0, limit);
  }

  officeFields(kind: OfficeKind): readonly string[] {
    return officeFields(kind);
  }

  normalise<K extends OfficeKind>(kind: K, fields: Fields): OfficeFieldsOf[K] {
    return normalise(kind, fields);
  }

  officeHash(kind: OfficeKind, fields: Fields): OfficeHash {
    return officeHash(kind, fields);
  }

  async close(): Promise<void> {}

  async #fault(call: FakeOfficeCall): Promise<FakeOfficeFault | undefined> {
    this.calls[call.operation] = (this.calls[call.operation] ?? 0) + 1;
    const fault = await this.#options.fault?.(call);
    if (fault !== undefined) meetFault(fault, call, this.#options.nowMs());
    return fault;
  }

  #collections(session: OfficeSession): readonly OfficeCollection[] {
    const own = ownKinds.map((kind): OfficeCollection => {
      const { owner } = session;
      return { id: collectionId(owner, kind), owner, kind, access: 'readWrite', displayName: kind };
    });
    const companies: OfficeCollection = {
      id: collectionId(session.owner, 'company'),
      owner: session.owner,
      kind: 'company',
      access: 'read',
      displayName: 'company',
    };
    const shared = this.#shares
      .filter((share) => share.with === session.owner)
      .map(({ owner, access }): OfficeCollection => {
        const displayName = this.#people.get(owner)?.displayName ?? owner;
        return { id: collectionId(owner, 'appointment'), owner, kind: 'appointment', access, displayName };
      });
    return [...own, companies, ...shared];
  }

  #granted(session: OfficeSession, collection: OfficeCollection): OfficeCollection {
    const granted = this.#collections(session).find(({ id }) => id === collection.id);
    if (granted === undefined) throw new NotFound(`No collection ${collection.id}`);
    return granted;
  }

  #writable(session: OfficeSession, collection: OfficeCollection): void {
    if (this.#granted(session, collection).access !== 'readWrite') throw new Refused('no right to change this');
  }

  #acceptable(kind: OfficeKind, fields: Fields): void {
    if (kind !== 'appointment') return;
    const { start, end, timeZone } = normalise('appointment', fields);
    const [from, to] = [Date.parse(start), Date.parse(end)];
    if (Number.isNaN(from) || Number.isNaN(to)) throw new Refused('an appointment needs a start and an end');
    if (to < from) throw new Refused('an appointment cannot end before it starts');
    if (!isTimeZone(timeZone)) throw new Refused('no such time zone');
  }

  #box(email: string, kind: OfficeKind): Map<OfficeRecordId, Stored> {
    if (kind === 'company') return this.#companies;
    const box = this.#records.get(collectionId(email.toLowerCase(), kind));
    if (box === undefined) throw new NotFound(`No ${kind} of ${email}`);
    return box;
  }

  #changedAt(): Instant {
    return minuteInstant(new Date(this.#options.nowMs()).toISOString()) as Instant;
  }

  #insert(box: Map<OfficeRecordId, Stored>, kind: OfficeKind, fields: Fields, externalKey: string | undefined): Stored {
    this.#lastId += 1;
    const stored: Stored = {
      id: String(this.#lastId) as OfficeRecordId,
      fields: normalise(kind, fields) as Fields,
      changedAt: this.#changedAt(),
      ...(externalKey === undefined ? {} : { externalKey }),
    };
    box.set(stored.id, stored);
    return stored;
  }

  #replace(box: Map<OfficeRecordId, Stored>, kind: OfficeKind, before: Stored, fields: Fields): void {
    box.set(before.id, { ...before, fields: normalise(kind, fields) as Fields, changedAt: this.#changedAt() });
  }

  #record(kind: OfficeKind, stored: Stored, access: OfficeAccess = 'readWrite'): OfficeRecord {
    const fields = access === 'freeBusy' ? freeBusy(stored.fields) : stored.fields;
    return {
      id: stored.id,
      kind,
      fields: fields as OfficeFieldsOf[OfficeKind],
      changedAt: stored.changedAt,
      ...(stored.externalKey === undefined ? {} : { externalKey: stored.externalKey }),
      hash: hashOfNormalised(kind, fields),
    };
  }
}

const shownWhenBusy = ['start', 'end', 'allDay', 'timeZone', 'recurrence', 'exceptions', 'busyStatus'];

const only = (fields: object): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => shownWhenBusy.includes(name)));

function freeBusy(fields: Fields): Fields {
  const shown = only(fields);
  const exceptions = shown.exceptions as AppointmentFields['exceptions'];
  if (exceptions === undefined) return shown;
  const times = Object.entries(exceptions).map(([original, each]) => [
    original,
    'deleted' in each ? each : { changed: only(each.changed) },
  ]);
  return normalise('appointment', { ...shown, exceptions: Object.fromEntries(times) }) as Fields;
}
