import {
  boolean,
  child,
  children,
  instant,
  integer,
  isNil,
  nil,
  ownText,
  text,
  type XmlElement,
  type XmlNode,
} from '../xml.ts';
import { type Call, Fault, noSuch, type Operation, signedIn, unableToProcess } from './call.ts';
import { type CompanyRecord, Invalid } from './records.ts';
import type { Client, CrmPerson } from './state.ts';

function clientOf(call: Call): Client {
  const client = call.state.clients.get(signedIn(call).clientId);
  if (client === undefined) throw noSuch('The client');
  return client;
}

const argument = (message: string) => new Fault(unableToProcess('System.ArgumentException', message));
const validation = (value: string, type: string) =>
  new Fault(
    unableToProcess(
      'System.InvalidOperationException',
      `Instance validation error: '${value.slice(0, 50)}' is not a valid value for ${type}.`,
    ),
  );

const allowed: Readonly<Record<string, readonly [list: string, item: string, values: readonly string[]]>> = {
  EmailAddressType: ['EmailAddresses', 'EmailAddress', ['Home', 'Primary', 'Alternative']],
  PhoneNumberType: ['PhoneNumbers', 'PhoneNumber', ['Primary', 'Mobile']],
};

function personElement(person: CrmPerson, relations: boolean): XmlElement {
  const { RelationData, ...item } = person.item;
  return {
    Comment: nil,
    CustomerId: '-2147483648',
    DateOfBirth: '0001-01-01T00:00:00',
    Gender: 'NoChange',
    ...item,
    ...(relations && RelationData !== undefined ? { RelationData } : {}),
    Id: String(person.id),
    DateChanged: person.changedAt,
    // The default is left out (facts 3a).
    ...(person.isPrivate ? {} : { IsPrivate: 'false' }),
  };
}

const lower = (node: XmlNode | undefined, name: string) => text(node, name)?.toLowerCase();

const getPersons: Operation = (call) => {
  const { person: viewer } = signedIn(call);
  const search = child(call.request, 'personSearch');
  if (call.emptyList) return nil;
  const [id, name, email, key] = [
    integer(search, 'Id'),
    lower(search, 'Name'),
    lower(search, 'Email'),
    text(search, 'ConsumerPersonNo'),
  ];
  const after = instant(search, 'ChangedAfter');
  const employees = lower(search, 'IsEmployee');
  // "Name" finds one word only (facts 2b).
  const word = name?.split(/\s+/)[0];
  const found = [...clientOf(call).persons.values()].filter((person) => {
    if (person.isPrivate && person.createdBy !== viewer.email) return false;
    if (id !== undefined && id !== 0 && person.id !== id) return false;
    if (
      word !== undefined &&
      !`${text(person.item, 'FirstName') ?? ''} ${text(person.item, 'LastName') ?? ''}`.toLowerCase().includes(word)
    )
      return false;
    const emails = children(child(person.item, 'EmailAddresses'), 'EmailAddress').map((each) => lower(each, 'Value'));
    if (email !== undefined && !emails.includes(email)) return false;
    if (key !== undefined && text(person.item, 'ConsumerPersonNo') !== key) return false;
    if (after !== undefined && Date.parse(person.changedAt) < Date.parse(after)) return false;
    return (employees !== 'true' && employees !== 'false') || person.isEmployee === (employees === 'true');
  });
  const relations = boolean(search, 'GetRelationData') === true;
  return found.length === 0 ? nil : { PersonItem: found.map((person) => personElement(person, relations)) };
};

const savePerson: Operation = (call) => {
  const { person: author } = signedIn(call);
  const client = clientOf(call);
  const given = child(call.request, 'personItem') ?? {};
  for (const [type, [list, item, values]] of Object.entries(allowed)) {
    for (const each of children(child(given, list), item)) {
      const value = text(each, 'Type') ?? '';
      if (!values.includes(value)) throw validation(value, type);
    }
  }
  if ((text(given, 'ConsumerPersonNo')?.length ?? 0) > 50) throw argument('ConsumerPersonNo is too long');
  const id = integer(given, 'Id') || undefined;
  const before = id === undefined ? undefined : client.persons.get(id);
  if (id !== undefined && before === undefined) throw noSuch('The person');
  const set = Object.entries(given).filter(
    ([name]) =>
      !['Id', 'DateChanged', 'IsPrivate', '#text'].includes(name) && !name.startsWith('@_') && !isNil(given, name),
  );
  const saved: CrmPerson = {
    id: id ?? call.state.nextId(),
    createdBy: before?.createdBy ?? author.email,
    isPrivate: boolean(given, 'IsPrivate') ?? before?.isPrivate ?? true,
    isEmployee: before?.isEmployee ?? false,
    changedAt: call.state.now(),
    item: { ...before?.item, ...Object.fromEntries(set) },
  };
  client.persons.set(saved.id, saved);
  call.state.officeChanged();
  return String(saved.id);
};

/** PersonService without deletion or paging, as it is (facts 2b). */
export const personOperations: Readonly<Record<string, Operation>> = {
  GetPersons: getPersons,
  GetPersonsDetailed: getPersons,
  SavePerson: savePerson,
  GetPersonId(call) {
    const key = text(call.request, 'consumerPersonNo');
    const found = [...clientOf(call).persons.values()].find(
      ({ item }) => key !== undefined && text(item, 'ConsumerPersonNo') === key,
    );
    return String(found?.id ?? 0);
  },
  GetNotes: (call) => notes(call, integer(call.request, 'personId')),
  GetAllNotes: (call) => notes(call, undefined),
  AddNote(call) {
    const client = clientOf(call);
    const given = child(call.request, 'note');
    const personId = integer(given, 'PersonId');
    if (personId === undefined || !client.persons.has(personId)) throw noSuch('The person');
    const id = call.state.nextId();
    client.notes.set(id, {
      id,
      personId,
      subject: text(given, 'Subject') ?? '',
      description: text(given, 'Description') ?? '',
      dateAdded: call.state.now(),
    });
    call.state.officeChanged();
    return String(id);
  },
  DeleteNoteById(call) {
    clientOf(call).notes.delete(integer(call.request, 'noteId') ?? 0);
    call.state.officeChanged();
    return undefined;
  },
};

function notes(call: Call, personId: number | undefined): XmlNode {
  const found = [...clientOf(call).notes.values()].filter(
    (note) => personId === undefined || note.personId === personId,
  );
  if (found.length === 0 || call.emptyList) return nil;
  return {
    NoteData: found.map((note) => ({
      Id: String(note.id),
      Subject: note.subject,
      Description: note.description,
      EmployeeId: '-1',
      DateAdded: note.dateAdded,
      Date: note.dateAdded,
      PersonId: String(note.personId),
    })),
  };
}

function companyElement(company: CompanyRecord, properties: ReadonlySet<string>): XmlElement {
  const value = (name: string, given: string | undefined): XmlElement =>
    given === undefined ? {} : { [name]: { Value: given } };
  const all: XmlElement = {
    Id: String(company.id),
    ExternalId: company.externalId ?? nil,
    OrganizationNumber: company.organizationNumber ?? nil,
    Name: company.name ?? nil,
    Addresses:
      company.street === undefined && company.city === undefined && company.postalCode === undefined
        ? nil
        : {
            Visit: {
              Street: company.street ?? nil,
              PostalCode: company.postalCode ?? nil,
              PostalArea: company.city ?? nil,
              Country: company.country ?? nil,
            },
          },
    PhoneNumbers: { ...value('Fax', company.fax), ...value('Mobile', company.mobile), ...value('Work', company.phone) },
    EmailAddresses: { ...value('Invoice', company.invoiceEmail), ...value('Work', company.email) },
    Url: company.url ?? nil,
    Note: company.note ?? nil,
    Type: 'Business',
    DateChanged: company.changedAt,
    PriceList: '-2147483648',
  };
  return Object.fromEntries(Object.entries(all).filter(([name]) => name === 'Id' || properties.has(name)));
}

/** A search text with `%` standing for anything. */
function like(pattern: string, value: string): boolean {
  const [first = '', ...rest] = pattern.toLowerCase().split('%');
  let text = value.toLowerCase();
  if (!text.startsWith(first)) return false;
  text = text.slice(first.length);
  const last = rest.pop();
  if (last === undefined) return text === '';
  for (const part of rest) {
    const at = text.indexOf(part);
    if (at < 0) return false;
    text = text.slice(at + part.length);
  }
  return text.endsWith(last);
}

const getCompanies: Operation = (call) => {
  const search = child(call.request, 'searchParams');
  const id = integer(search, 'CompanyId');
  const ids = new Set(children(child(search, 'CompanyIds'), 'int').map((each) => Number(ownText(each))));
  const [name, email, key, number] = [
    text(search, 'CompanyName'),
    lower(search, 'CompanyEmail'),
    text(search, 'ExternalId'),
    text(search, 'OrganizationNumber'),
  ];
  const after = instant(search, 'ChangedAfter');
  if (id === undefined && ids.size === 0 && [name, email, key, number, after].every((each) => each === undefined)) {
    throw new Fault(unableToProcess('', 'Please specify at least one search parameter'));
  }
  if (call.emptyList) return nil;
  const properties = new Set(
    children(child(call.request, 'returnProperties'), 'string')
      .map(ownText)
      .filter((each) => each !== undefined),
  );
  const found = [...clientOf(call).companies.values()].filter(
    (company) =>
      company.active !== false &&
      (id === undefined || company.id === id) &&
      (ids.size === 0 || ids.has(company.id)) &&
      (name === undefined || like(name, company.name ?? '')) &&
      (email === undefined ||
        company.email?.toLowerCase() === email ||
        company.invoiceEmail?.toLowerCase() === email) &&
      (key === undefined || company.externalId === key) &&
      (number === undefined || company.organizationNumber === number) &&
      (after === undefined || Date.parse(company.changedAt) >= Date.parse(after)),
  );
  return found.length === 0 ? nil : { Company: found.map((company) => companyElement(company, properties)) };
};

const pageLength = 1000;

const getSyncList: Operation = (call) => {
  const search = child(call.request, 'syncSearchParameters');
  const [page, active, after] = [
    Math.max(integer(search, 'Page') ?? 1, 1),
    boolean(search, 'Active'),
    instant(search, 'ChangedAfter'),
  ];
  const found = call.emptyList
    ? []
    : [...clientOf(call).companies.values()].filter(
        (company) =>
          (active === undefined || (company.active !== false) === active) &&
          (after === undefined || Date.parse(company.changedAt) >= Date.parse(after)),
      );
  const items = found.slice((page - 1) * pageLength, page * pageLength).map((company) => ({
    CompanyId: String(company.id),
    ExternalId: company.externalId ?? nil,
    DateChanged: company.changedAt,
    DateRegistered: company.changedAt,
    Active: String(company.active !== false),
  }));
  return {
    CurrentPage: String(page),
    TotalPages: String(Math.max(Math.ceil(found.length / pageLength), 1)),
    TotalItems: String(found.length),
    ItemsPerPage: String(pageLength),
    Items: items.length === 0 ? nil : { SyncCompany: items },
  };
};

const failed = (given: XmlNode, message: string): XmlElement => ({
  APIException: {
    Type: 'Office24Seven.Library.Data.DataBaseServerException',
    Message: message,
    StackTrace: '   at Office24Seven.Library.Data.DataBaseServer.Save()',
  },
  Id: text(given, 'Id') ?? '0',
});

/** CompanyService: failures of single companies are told inside a good answer, deletions only by their failures. */
export const companyOperations: Readonly<Record<string, Operation>> = {
  GetCompanies: getCompanies,
  GetCompanySyncList: getSyncList,
  SaveCompanies(call) {
    const client = clientOf(call);
    const saved = children(child(call.request, 'companies'), 'Company').map((given): XmlElement => {
      const id = integer(given, 'Id') || undefined;
      if (id !== undefined && !client.companies.has(id)) return failed(given, 'The company does not exist');
      if (id === undefined && text(given, 'Name') === undefined) return failed(given, 'Name is mandatory');
      const change: Record<string, unknown> = { active: true };
      for (const [element, name] of [
        ['Name', 'name'],
        ['OrganizationNumber', 'organizationNumber'],
        ['Url', 'url'],
        ['Note', 'note'],
      ] as const) {
        const value = text(given, element);
        if (value !== undefined) change[name] = value;
      }
      try {
        const company = call.state.saveCompany(client, id, change, text(given, 'ExternalId'));
        return { Id: String(company.id), Name: company.name ?? nil };
      } catch (error) {
        if (error instanceof Invalid) return failed(given, error.message);
        throw error;
      }
    });
    return { Company: saved };
  },
  DeleteCompanies(call) {
    const client = clientOf(call);
    const failures: XmlElement[] = [];
    for (const given of children(child(call.request, 'companies'), 'Company')) {
      const id = integer(given, 'Id') ?? 0;
      if (client.companies.has(id)) call.state.saveCompany(client, id, { active: false });
      else failures.push(failed(given, 'The company does not exist'));
    }
    return failures.length === 0 ? nil : { Company: failures };
  },
};

export const clientOperations: Readonly<Record<string, Operation>> = {
  GetUsers(call) {
    const { clientId } = signedIn(call);
    const users = [...call.state.people.values()].flatMap((person) => {
      const identity = person.identities.find((each) => each.clientId === clientId);
      if (identity === undefined) return [];
      return [
        {
          ContactId: String(person.contactId),
          Id: identity.id,
          Name: person.displayName,
          EmployeeId: String(person.contactId),
        },
      ];
    });
    return { User: users };
  },
  GetClientInformation(call) {
    const client = clientOf(call);
    return { Id: String(client.id), Name: client.name };
  },
};
