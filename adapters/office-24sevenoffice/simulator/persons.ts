import { boolean, child, children, instant, integer, isNil, nil, text, type XmlElement, type XmlNode } from '../xml.ts';
import { type Call, clientOf, Fault, lower, noSuch, type Operation, signedIn, unableToProcess } from './call.ts';
import type { CrmPerson } from './state.ts';

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

/** ClientService (facts 2d). */
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
