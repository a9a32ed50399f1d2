/**
 * The elements that a series and its exceptions share, from the wire. Each reader gives undefined when nothing is said
 * and null when the element is there but empty.
 */
import type { Attendee } from '../../../../domain/appointment/fields.ts';
import type { Sensitivity } from '../../../../domain/item/fields.ts';
import { AirSyncBase, Calendar } from '../../wbxml/code-pages/index.ts';
import { child, childrenOf, type Element, type Tag, textOf } from '../../wbxml/element.ts';
import {
  attendeeStatuses,
  attendeeTypes,
  type BusyStatus,
  busyStatuses,
  numberOf,
  sensitivities,
} from './wire-values.ts';

/** Said, said to be nothing, or not spoken of. */
export type Said<T> = T | null | undefined;

export function saidText(element: Element, tag: Tag): Said<string> {
  const text = textOf(element, tag);
  // Some devices let NUL characters slip into identifiers.
  return text === undefined ? undefined : text.replaceAll('\0', '') || null;
}

/** A number that cannot be read says nothing. */
export function saidNumber(element: Element, tag: Tag, max: number): Said<number> {
  const text = textOf(element, tag);
  if (text === undefined) return undefined;
  if (text.trim() === '') return null;
  const value = numberOf(text);
  return value === undefined || value > max ? undefined : value;
}

/** Out of range: somebody wants it hidden. */
export function saidSensitivity(element: Element): Said<Sensitivity> {
  const value = saidNumber(element, Calendar.Sensitivity, 255);
  return typeof value === 'number' ? (sensitivities[value] ?? 'private') : value;
}

/** Out of range: the person is taken. */
export function saidBusyStatus(element: Element): Said<BusyStatus> {
  const value = saidNumber(element, Calendar.BusyStatus, 255);
  return typeof value === 'number' ? (busyStatuses[value] ?? 'busy') : value;
}

/** Up to 14.1 a text, from 16.0 a structure (MS-ASAIRS 2.2.2.28); either is read in any version. */
export function saidLocation(element: Element): Said<string> {
  const plain = saidText(element, Calendar.Location);
  if (plain !== undefined) return plain;
  const location = child(element, AirSyncBase.Location);
  if (!location) return undefined;
  const name = saidText(location, AirSyncBase.DisplayName);
  if (name) return name;
  const address = addressTags.map((tag) => textOf(location, tag)?.trim()).filter((part) => part);
  return address.join(', ') || location.text.trim() || null;
}

const addressTags = [
  AirSyncBase.Street,
  AirSyncBase.PostalCode,
  AirSyncBase.City,
  AirSyncBase.State,
  AirSyncBase.Country,
];

export function saidCategories(element: Element): Said<string[]> {
  const categories = child(element, Calendar.Categories);
  if (!categories) return undefined;
  const names = childrenOf(categories, Calendar.Category).map(({ text }) => text.replaceAll('\0', ''));
  const named = names.filter((name) => name !== '');
  return named.length === 0 ? null : named;
}

/**
 * Attendees without an address are passed over. Who has answered is told by the server: a device that leaves the
 * status out, as it must from 16.0 on, does not undo it.
 */
export function saidAttendees(element: Element, known: readonly Attendee[] | undefined): Said<Attendee[]> {
  const attendees = child(element, Calendar.Attendees);
  if (!attendees) return undefined;
  const knownByEmail = new Map(known?.map((attendee) => [attendee.email.toLowerCase(), attendee]));
  const read: Attendee[] = [];
  for (const attendee of childrenOf(attendees, Calendar.Attendee)) {
    const email = textOf(attendee, Calendar.Email)?.replaceAll('\0', '').trim();
    if (!email) continue;
    const name = textOf(attendee, Calendar.Name)?.replaceAll('\0', '').trim();
    const before = knownByEmail.get(email.toLowerCase());
    const status = attendeeStatuses[numberOf(textOf(attendee, Calendar.AttendeeStatus)) ?? -1] ?? before?.status;
    const type = attendeeTypes[numberOf(textOf(attendee, Calendar.AttendeeType)) ?? -1] ?? before?.type;
    read.push({
      email,
      ...(name && name !== email && { name }),
      ...(type && { type }),
      ...(status && { status }),
    });
  }
  return read.length === 0 ? null : read;
}
