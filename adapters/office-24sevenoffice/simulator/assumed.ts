import type { ItemKind } from '../../../domain/item/fields.ts';
import { assumedMaxPageSize, assumedRecords } from '../assumed/services.ts';
import { child, integer, text, type XmlElement } from '../xml.ts';
import { type Call, Fault, noRight, noSuch, type Operation, signedIn, unableToProcess } from './call.ts';
import { changeOf } from './changes.ts';
import { busyElement, elementOf } from './elements.ts';
import type { AppointmentRecord } from './records.ts';
import type { OwnKind, ShareAccess, SimulatedPerson } from './state.ts';

const kinds: Readonly<Record<ItemKind, OwnKind>> = {
  contact: 'contacts',
  appointment: 'appointments',
  task: 'tasks',
  note: 'notes',
};

const accessNames: Readonly<Record<ShareAccess, string>> = {
  read: 'Read',
  readWrite: 'ReadWrite',
  freeBusy: 'FreeBusy',
};

interface Place {
  readonly viewer: SimulatedPerson;
  readonly owner: SimulatedPerson;
  readonly clientId: number;
  readonly access: ShareAccess;
}

/** Whose records are meant, and what the person signed in may do to them. A calendar's id is its owner's. */
function place(call: Call, calendarId: number | undefined): Place {
  const { person: viewer, clientId } = signedIn(call);
  if (calendarId === undefined || calendarId === viewer.contactId) {
    return { viewer, owner: viewer, clientId, access: 'readWrite' };
  }
  for (const share of call.state.sharesWith(viewer.email)) {
    const owner = call.state.people.get(share.owner);
    if (owner?.contactId === calendarId && owner.identities.some((identity) => identity.clientId === clientId)) {
      return { viewer, owner, clientId, access: share.access };
    }
  }
  throw noSuch('The calendar');
}

/** List, save and delete of one kind of the assumed interface. */
function operationsOf(kind: ItemKind): Readonly<Record<string, Operation>> {
  const names = assumedRecords[kind];
  const own = kinds[kind];

  const list: Operation = (call) => {
    const search = child(call.request, names.search);
    const { viewer, owner, clientId, access } = place(call, integer(search, 'CalendarId'));
    if (call.emptyList) return { Items: '', HasMore: 'false' };
    const records = call.state.box(owner.email, clientId)[own];
    const [id, key] = [integer(search, 'Id'), text(search, 'ExternalId')];
    const after = integer(search, 'AfterId') ?? 0;
    const size = Math.min(Math.max(integer(search, 'PageSize') ?? assumedMaxPageSize, 1), assumedMaxPageSize);
    const wanted = [...records.values()]
      .filter(
        (record) =>
          record.id > after &&
          (id === undefined || record.id === id) &&
          (key === undefined || record.externalId === key),
      )
      .sort((a, b) => a.id - b.id);
    const items = wanted.slice(0, size).map((record) => {
      const element = elementOf(own, record, owner.timeZone);
      const hidden = access === 'freeBusy' || (owner !== viewer && (record as AppointmentRecord).private === true);
      return hidden ? busyElement(element) : element;
    });
    return { Items: items.length === 0 ? '' : { [names.item]: items }, HasMore: String(wanted.length > size) };
  };

  const writable = (call: Call, calendarId: number | undefined, id: number | undefined) => {
    const found = place(call, calendarId);
    const { viewer, owner, clientId, access } = found;
    if (access !== 'readWrite') throw noRight();
    const before = id === undefined ? undefined : call.state.box(owner.email, clientId)[own].get(id);
    if (owner !== viewer && (before as AppointmentRecord | undefined)?.private === true) throw noRight();
    return { ...found, before };
  };

  const save: Operation = (call) => {
    const item = child(call.request, names.saveParameter) ?? ({} as XmlElement);
    const id = integer(item, 'Id') || undefined;
    const { owner, clientId, before } = writable(call, integer(item, 'CalendarId'), id);
    if (id !== undefined && before === undefined) throw noSuch(names.item);
    let change: ReturnType<typeof changeOf>;
    try {
      change = changeOf(own, item, before, owner.timeZone);
    } catch (error) {
      if (error instanceof TypeError) {
        throw new Fault(
          unableToProcess(
            'System.InvalidOperationException',
            `Instance validation error: not a valid value for ${error.message}.`,
          ),
        );
      }
      if (error instanceof RangeError)
        throw new Fault(unableToProcess('System.ArgumentException', 'A time or TimeZone is not valid'));
      throw error;
    }
    return String(call.state.save(owner, clientId, own, id, change, text(item, 'ExternalId')).id);
  };

  const remove: Operation = (call) => {
    const id = integer(call.request, names.deleteParameter);
    if (id === undefined) throw new Fault(unableToProcess('System.ArgumentException', 'An Id is needed'));
    const { owner, clientId } = writable(call, integer(call.request, 'calendarId'), id);
    return String(call.state.remove(owner, clientId, own, id));
  };

  return { [names.get]: list, [names.save]: save, [names.delete]: remove };
}

const getCalendars: Operation = (call) => {
  const { person, clientId } = signedIn(call);
  const calendar = (owner: SimulatedPerson, access: ShareAccess): XmlElement => ({
    Id: String(owner.contactId),
    OwnerEmail: owner.email,
    Name: owner.displayName,
    Access: accessNames[access],
    TimeZone: owner.timeZone,
  });
  const shared = call.state.sharesWith(person.email).flatMap((share) => {
    const owner = call.state.people.get(share.owner);
    const together = owner?.identities.some((identity) => identity.clientId === clientId) === true;
    return owner !== undefined && together ? [calendar(owner, share.access)] : [];
  });
  return { Calendar: [calendar(person, 'readWrite'), ...shared] };
};

const getProfile: Operation = (call) => {
  const { person } = signedIn(call);
  return { Email: person.email, Name: person.displayName, TimeZone: person.timeZone };
};

/** Operations of the assumed services, by the item they are about. */
export const assumedOperations = {
  appointment: { ...operationsOf('appointment'), GetCalendars: getCalendars },
  task: operationsOf('task'),
  contact: operationsOf('contact'),
  note: operationsOf('note'),
  profile: { GetProfile: getProfile },
} as const;
