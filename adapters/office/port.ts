import type { AppointmentFields } from '../../domain/appointment/fields.ts';
import type { ContactFields } from '../../domain/contact/fields.ts';
import type { Fields, ItemKind } from '../../domain/item/fields.ts';
import type { NoteFields } from '../../domain/note/fields.ts';
import type { Instant, TimeZoneName } from '../../domain/shared/ids.ts';
import type { TaskFields } from '../../domain/task/fields.ts';

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** Names one collection of one office, for as long as it exists. Opaque to everyone but the adapter. */
export type OfficeCollectionId = Branded<string, 'OfficeCollectionId'>;
/** The office's own id of a record; unique within its collection, never used again. */
export type OfficeRecordId = Branded<string, 'OfficeRecordId'>;
/** Equal for two field sets which the office would store equally. */
export type OfficeHash = Branded<string, 'OfficeHash'>;

export type OfficeKind = ItemKind | 'company';

/** `freeBusy`: appointments come without anything but their times and whether they make busy. */
export type OfficeAccess = 'read' | 'readWrite' | 'freeBusy';

/** One collection the session's person may see: the own ones, and those others share. */
export interface OfficeCollection {
  readonly id: OfficeCollectionId;
  /** E-mail address of the person it belongs to, in lower case. */
  readonly owner: string;
  readonly kind: OfficeKind;
  readonly access: OfficeAccess;
  readonly displayName: string;
}

/** The fields a record of each kind has. A company is told in the fields of a contact: `company` is its name. */
export interface OfficeFieldsOf {
  readonly contact: ContactFields;
  readonly appointment: AppointmentFields;
  readonly task: TaskFields;
  readonly note: NoteFields;
  readonly company: ContactFields;
}

/** A record as the office holds it, told in the domain's terms and already normalised. */
export interface OfficeRecord<K extends OfficeKind = OfficeKind> {
  readonly id: OfficeRecordId;
  readonly kind: K;
  readonly fields: OfficeFieldsOf[K];
  /** What the office holds of this record that has no place in the domain; an update leaves it as it is. */
  readonly unsupported?: readonly string[];
  /** The office's own time of the last change, at its precision; not reliable enough to find changes by. */
  readonly changedAt?: Instant;
  /** What `create` was given; absent for records made in the office. */
  readonly externalKey?: string;
  readonly hash: OfficeHash;
}

/** All records of a collection, by id. There is no incomplete listing: what cannot be read to its end throws. */
export interface OfficeListing {
  readonly complete: true;
  readonly records: readonly OfficeRecord[];
}

export interface OfficeCredentials {
  readonly username: string;
  readonly password: string;
  /** Which of the person's tenants; absent is the default one. */
  readonly tenant?: string;
}

export interface OfficeTenant {
  readonly id: string;
  readonly name: string;
  readonly current: boolean;
}

/**
 * A person signed in. It stays valid when the office's own session expires: the adapter signs in again by itself,
 * once for each call. It holds nothing secret, and ends with the process.
 */
export interface OfficeSession {
  /** E-mail address in lower case. */
  readonly owner: string;
  readonly displayName: string;
  readonly timeZone?: TimeZoneName;
  readonly tenants: readonly OfficeTenant[];
}

/** What came of a write. `unsupported` names the given fields which the office does not hold, or not as given. */
export interface OfficeWritten {
  readonly id: OfficeRecordId;
  readonly unsupported: readonly string[];
}

/** An answer to a look-up in the office's directory: its users, CRM persons and companies. */
export interface OfficeDirectoryEntry {
  readonly id: string;
  readonly kind: 'person' | 'company';
  readonly displayName: string;
  readonly fields: ContactFields;
}

type Ability = 'none' | 'read' | 'readWrite';

export interface OfficeCapabilities {
  readonly system: string;
  readonly kinds: Readonly<Record<OfficeKind, Ability>>;
  readonly sharedCollections: Ability;
  readonly directory: boolean;
  /** Whether deletions show only by comparing two full listings. */
  readonly deletesVisible: 'feed' | 'fullScan' | 'none';
  /** Granularity of stored times and of `changedAt`, in seconds. */
  readonly precisionSeconds: number;
  readonly externalKeyMaxLength: number;
}

/**
 * An office: a business system that holds people's appointments, tasks, contacts and notes. Every call throws an
 * `OfficeError` and nothing else, and ends within the adapter's time limits.
 *
 * Writes: `create` is not idempotent in itself; after `OutcomeUnknown` ask `findByExternalKey` first. `update` takes
 * the whole set of fields the record shall have: an owned field (`officeFields`) that is absent is cleared, other
 * fields are ignored. Repeating an `update` or `delete` does no harm.
 */
export interface OfficeSystem {
  readonly capabilities: OfficeCapabilities;

  /** Signs in. Throws AuthenticationFailed when the name or password is wrong. */
  open(credentials: OfficeCredentials): Promise<OfficeSession>;
  listCollections(session: OfficeSession): Promise<readonly OfficeCollection[]>;
  /** A full crawl, ordered by id. */
  list(session: OfficeSession, collection: OfficeCollection): Promise<OfficeListing>;
  /** null when there is no such record (any more). */
  get(session: OfficeSession, collection: OfficeCollection, id: OfficeRecordId): Promise<OfficeRecord | null>;
  /** null when no record carries this key. */
  findByExternalKey(session: OfficeSession, collection: OfficeCollection, key: string): Promise<OfficeRecord | null>;
  /** `externalKey`: 1 to `externalKeyMaxLength` characters; longer throws a RangeError. */
  create(
    session: OfficeSession,
    collection: OfficeCollection,
    fields: Fields,
    externalKey: string,
  ): Promise<OfficeWritten>;
  /** Throws NotFound when the record is gone. */
  update(
    session: OfficeSession,
    collection: OfficeCollection,
    id: OfficeRecordId,
    fields: Fields,
  ): Promise<OfficeWritten>;
  /** `existed` false: it was gone already. */
  delete(
    session: OfficeSession,
    collection: OfficeCollection,
    id: OfficeRecordId,
  ): Promise<{ readonly existed: boolean }>;
  /** People and companies whose name or address contains `text`; at most `limit`. */
  searchDirectory(session: OfficeSession, text: string, limit: number): Promise<readonly OfficeDirectoryEntry[]>;

  /** Which fields of a kind the office holds. All others are kept on our side and survive round trips. */
  officeFields(kind: OfficeKind): readonly string[];
  /**
   * The fields as the office would give them back: only those it holds, at its precision. Idempotent. Bodies must
   * have their content: one that names a blob throws a TypeError.
   */
  normalise<K extends OfficeKind>(kind: K, fields: Fields): OfficeFieldsOf[K];
  /** The hash of `normalise(kind, fields)`. */
  officeHash(kind: OfficeKind, fields: Fields): OfficeHash;

  /** Gives up all running calls and closes connections. */
  close(): Promise<void>;
}
