import type { Fields, ItemKind } from '../../domain/item/fields.ts';
import type { Instant, TimeZoneName } from '../../domain/shared/ids.ts';
import { NotFound, Refused, Unavailable } from '../office/errors.ts';
import { externalKeyMaxLength } from '../office/limits.ts';
import { hashOfNormalised, normalise, officeFields, officeHash, unsupportedFields } from '../office/normalise.ts';
import type {
  OfficeCapabilities,
  OfficeCollection,
  OfficeCollectionId,
  OfficeFieldsOf,
  OfficeKind,
  OfficeRecord,
  OfficeRecordId,
  OfficeSession,
  OfficeSystem,
} from '../office/port.ts';
import { isTimeZone } from '../office/time.ts';
import { elementOf, fieldsOf, unmapped } from './assumed/records.ts';
import { assumedMaxPageSize, assumedRecords, profileService } from './assumed/services.ts';
import { allCompanies, companyByExternalId, companyById, type PublicCompany, searchCrm } from './public.ts';
import type { OfficeUrls } from './services.ts';
import { type AccountSession, createSessions } from './session.ts';
import { createTransport, type OfficeCallReport } from './transport.ts';
import { boolean, child, children, instant, integer, text, type XmlElement } from './xml.ts';

export interface TwentyFourSevenOfficeOptions {
  readonly urls: OfficeUrls;
  /** GUID the vendor gives an integration. */
  readonly applicationId: string;
  readonly nowMs: () => number;
  /** Whether the assumed interface is served: only the simulator does. Without it there are companies and people. */
  readonly assumedInterface: boolean;
  /** For one call, its waiting for a turn not counted. Default 20,000. */
  readonly timeoutMs?: number;
  /** Most calls at a time, of all people together. Default 8. */
  readonly concurrency?: number;
  /** Default 1 to `assumedMaxPageSize`. */
  readonly pageSize?: number;
  /** A crawl beyond this many records throws Unavailable. Default 50,000. */
  readonly maxRecords?: number;
  /** Where people live whose profile names no time zone. Default Europe/Oslo. */
  readonly timeZone?: string;
  readonly onCall?: (report: OfficeCallReport) => void;
}

interface Opened extends OfficeSession {
  readonly timeZone: TimeZoneName;
}

/** The own collections; calendars come from the office. */
const ownKinds = ['contact', 'task', 'note'] as const;
const collectionId = (kind: OfficeKind, id: string) => `${kind}:${id}` as OfficeCollectionId;

function recordNumber(id: string): string | undefined {
  return /^\d{1,18}$/.test(id) ? id : undefined;
}

/**
 * 24SevenOffice over SOAP. Sessions, people and companies are the vendor's public interface; appointments, tasks,
 * personal contacts and notes are the assumed one (see `assumed/README.md`).
 */
export function create24SevenOffice(options: TwentyFourSevenOfficeOptions): OfficeSystem {
  const { nowMs, assumedInterface } = options;
  const pageSize = Math.min(Math.max(options.pageSize ?? assumedMaxPageSize, 1), assumedMaxPageSize);
  const maxRecords = options.maxRecords ?? 50_000;
  const homeTimeZone = options.timeZone ?? 'Europe/Oslo';
  const transport = createTransport({
    urls: options.urls,
    nowMs,
    timeoutMs: options.timeoutMs ?? 20_000,
    concurrency: options.concurrency ?? 8,
    maxResponseBytes: 64 * 1024 * 1024,
    ...(options.onCall === undefined ? {} : { onCall: options.onCall }),
  });
  const sessions = createSessions({ transport, applicationId: options.applicationId, nowMs, maxAccounts: 5000 });
  /** Which login a session stands for: kept here, so that a session holds nothing secret. */
  const accounts = new WeakMap<OfficeSession, AccountSession>();
  /** What the profile said, by login; asked again for a new one. */
  const profiles = new WeakMap<AccountSession, Opened>();
  /** Time zones of calendars, by login and collection. */
  const calendarZones = new WeakMap<AccountSession, Map<string, string>>();

  const ability = assumedInterface ? 'readWrite' : 'none';
  const capabilities: OfficeCapabilities = {
    system: '24sevenoffice',
    kinds: { contact: ability, appointment: ability, task: ability, note: ability, company: 'read' },
    sharedCollections: ability,
    directory: true,
    deletesVisible: 'fullScan',
    precisionSeconds: 60,
    externalKeyMaxLength,
  };

  function accountOf(session: OfficeSession): AccountSession {
    const account = accounts.get(session);
    if (account === undefined) throw new TypeError('A session must come from open()');
    return account;
  }

  async function profile(account: AccountSession, username: string): Promise<Opened> {
    const current = account.identities.find((identity) => identity.current);
    const answer = assumedInterface ? await account.call(profileService, 'GetProfile', {}) : {};
    const found = child(answer, 'GetProfileResult');
    const timeZone = text(found, 'TimeZone') ?? homeTimeZone;
    return {
      owner: (text(found, 'Email') ?? username).toLowerCase(),
      displayName: text(found, 'Name') ?? current?.userName ?? username,
      timeZone: (isTimeZone(timeZone) ? timeZone : homeTimeZone) as TimeZoneName,
      tenants: account.identities
        .filter((identity) => !identity.disabled)
        .map(({ id, clientName, current }) => ({ id, name: clientName, current })),
    };
  }

  async function listCollections(session: OfficeSession): Promise<OfficeCollection[]> {
    const account = accountOf(session);
    const { owner } = session;
    const own = (kind: OfficeKind, access: OfficeCollection['access']): OfficeCollection => {
      return { id: collectionId(kind, owner), owner, kind, access, displayName: kind };
    };
    if (!assumedInterface) return [own('company', 'read')];
    const answer = await account.call(assumedRecords.appointment.service, 'GetCalendars', {});
    const zones = new Map<string, string>();
    const calendars = children(child(answer, 'GetCalendarsResult'), 'Calendar').flatMap((calendar) => {
      const id = integer(calendar, 'Id');
      const calendarOwner = text(calendar, 'OwnerEmail')?.toLowerCase();
      if (id === undefined || calendarOwner === undefined) return [];
      const access = { ReadWrite: 'readWrite', Read: 'read' }[text(calendar, 'Access') ?? ''] ?? 'freeBusy';
      const zone = text(calendar, 'TimeZone');
      if (zone !== undefined && isTimeZone(zone)) zones.set(collectionId('appointment', String(id)), zone);
      return [
        {
          id: collectionId('appointment', String(id)),
          owner: calendarOwner,
          kind: 'appointment',
          access: access as OfficeCollection['access'],
          displayName: text(calendar, 'Name') ?? calendarOwner,
        } satisfies OfficeCollection,
      ];
    });
    calendarZones.set(account, zones);
    return [...calendars, ...ownKinds.map((kind) => own(kind, 'readWrite')), own('company', 'read')];
  }

  function record(kind: OfficeKind, id: string, fields: Fields, more: Partial<OfficeRecord>): OfficeRecord {
    const normal = normalise(kind, fields);
    return { id: id as OfficeRecordId, kind, fields: normal, ...more, hash: hashOfNormalised(kind, normal as Fields) };
  }

  function companyRecord(company: PublicCompany): OfficeRecord {
    const changedAt = company.changedAt as Instant | undefined;
    return record('company', company.id, company.fields, changedAt === undefined ? {} : { changedAt });
  }

  function itemRecord(kind: ItemKind, item: XmlElement, timeZone: string): OfficeRecord | undefined {
    const id = text(item, 'Id');
    const fields = fieldsOf(kind, item, timeZone);
    if (id === undefined || fields === undefined) return undefined;
    const changedAt = instant(item, 'DateChanged') as Instant | undefined;
    const externalKey = text(item, 'ExternalId');
    const unsupported = unmapped(kind, item);
    return record(kind, id, fields, {
      ...(changedAt === undefined ? {} : { changedAt }),
      ...(externalKey === undefined ? {} : { externalKey }),
      ...(unsupported.length === 0 ? {} : { unsupported }),
    });
  }

  const calendarId = (collection: OfficeCollection): XmlElement =>
    collection.kind === 'appointment' ? { CalendarId: collection.id.slice('appointment:'.length) } : {};

  function zoneOf(session: OfficeSession, collection: OfficeCollection): string {
    return calendarZones.get(accountOf(session))?.get(collection.id) ?? session.timeZone ?? homeTimeZone;
  }

  function itemKind(collection: OfficeCollection): ItemKind {
    if (collection.kind === 'company') throw new Refused('companies are read only');
    if (!assumedInterface) throw new Refused('the office offers no interface for this');
    return collection.kind;
  }

  async function page(session: OfficeSession, collection: OfficeCollection, search: XmlElement) {
    const kind = itemKind(collection);
    const names = assumedRecords[kind];
    const answer = await accountOf(session).call(names.service, names.get, {
      [names.search]: { ...calendarId(collection), ...search },
    });
    const result = child(answer, `${names.get}Result`);
    const items = children(child(result, 'Items'), names.item) as readonly XmlElement[];
    const timeZone = zoneOf(session, collection);
    return {
      records: items.flatMap((item) => itemRecord(kind, item, timeZone) ?? []),
      more: boolean(result, 'HasMore') === true,
      lastId: text(items.at(-1), 'Id'),
    };
  }

  async function crawl(session: OfficeSession, collection: OfficeCollection): Promise<OfficeRecord[]> {
    const found: OfficeRecord[] = [];
    let after: string | undefined;
    for (;;) {
      const search = after === undefined ? {} : { AfterId: after };
      const { records, more, lastId } = await page(session, collection, { ...search, PageSize: String(pageSize) });
      for (const each of records) found.push(each);
      if (found.length > maxRecords) throw new Unavailable(`The office has more than ${maxRecords} records`);
      if (!more) return found;
      // The order of ids is what makes the listing complete while others write; without progress it is none.
      if (lastId === undefined || (after !== undefined && Number(lastId) <= Number(after))) {
        throw new Unavailable('The office does not list in order');
      }
      after = lastId;
    }
  }

  function element(session: OfficeSession, collection: OfficeCollection, fields: Fields): XmlElement {
    try {
      return elementOf(itemKind(collection), fields, zoneOf(session, collection));
    } catch (error) {
      if (error instanceof RangeError) throw new Refused('a time or time zone is none');
      throw error;
    }
  }

  async function save(session: OfficeSession, collection: OfficeCollection, identity: XmlElement, fields: Fields) {
    const kind = itemKind(collection);
    const names = assumedRecords[kind];
    const answer = await accountOf(session).call(names.service, names.save, {
      [names.saveParameter]: { ...identity, ...calendarId(collection), ...element(session, collection, fields) },
    });
    const id = text(answer, `${names.save}Result`);
    if (id === undefined) throw new Refused('the office saved nothing');
    return { id: id as OfficeRecordId, unsupported: unsupportedFields(kind, fields) };
  }

  return {
    capabilities,

    async open(credentials) {
      const account = await sessions.open(credentials);
      let opened = profiles.get(account);
      if (opened === undefined) {
        opened = await profile(account, credentials.username);
        profiles.set(account, opened);
        accounts.set(opened, account);
      }
      return opened;
    },

    listCollections,

    async list(session, collection) {
      const records =
        collection.kind === 'company'
          ? (await allCompanies(accountOf(session))).map(companyRecord)
          : await crawl(session, collection);
      records.sort((a, b) => Number(a.id) - Number(b.id));
      return { complete: true, records };
    },

    async get(session, collection, id) {
      if (recordNumber(id) === undefined) return null;
      if (collection.kind === 'company') {
        const company = await companyById(accountOf(session), id);
        return company === undefined ? null : companyRecord(company);
      }
      const { records } = await page(session, collection, { Id: id });
      return records[0] ?? null;
    },

    async findByExternalKey(session, collection, key) {
      if (collection.kind === 'company') {
        const company = await companyByExternalId(accountOf(session), key);
        return company === undefined ? null : companyRecord(company);
      }
      const { records } = await page(session, collection, { ExternalId: key });
      return records.find(({ externalKey }) => externalKey === key) ?? null;
    },

    async create(session, collection, fields, externalKey) {
      if (externalKey.length === 0 || externalKey.length > externalKeyMaxLength) {
        throw new RangeError(`An external key has 1 to ${externalKeyMaxLength} characters`);
      }
      return await save(session, collection, { Id: '0', ExternalId: externalKey }, fields);
    },

    async update(session, collection, id, fields) {
      if (recordNumber(id) === undefined || id === '0') throw new NotFound('No such record');
      return await save(session, collection, { Id: id }, fields);
    },

    async delete(session, collection, id) {
      const names = assumedRecords[itemKind(collection)];
      if (recordNumber(id) === undefined) return { existed: false };
      const answer = await accountOf(session).call(names.service, names.delete, {
        ...(collection.kind === 'appointment' ? { calendarId: calendarId(collection).CalendarId } : {}),
        [names.deleteParameter]: id,
      });
      return { existed: boolean(answer, `${names.delete}Result`) === true };
    },

    async searchDirectory(session, sought, limit) {
      return await searchCrm(accountOf(session), sought, limit);
    },

    officeFields,
    normalise: <K extends OfficeKind>(kind: K, fields: Fields): OfficeFieldsOf[K] => normalise(kind, fields),
    officeHash,

    async close() {
      await transport.close();
    },
  };
}
