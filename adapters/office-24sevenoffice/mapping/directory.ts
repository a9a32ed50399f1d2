import type { ContactFields } from '../../../domain/contact/fields.ts';
import { child, children, text, type XmlElement } from '../xml.ts';
import { byType, textBody } from './common.ts';
import { addressOf, contactFromElement } from './contact.ts';

/** Properties of a Company that `companyFromElement` reads; GetCompanies answers only those it is asked for. */
export const companyProperties = [
  'Id',
  'OrganizationNumber',
  'Name',
  'Addresses',
  'PhoneNumbers',
  'EmailAddresses',
  'Url',
  'Note',
  'Type',
  'DateChanged',
] as const;

/** A PersonItem; what a relation says of the work replaces what the person has not (facts 2b). */
export function personFromElement(item: XmlElement): ContactFields {
  const fields = contactFromElement(item);
  const work = children(child(item, 'RelationData'), 'RelationData')[0];
  return {
    ...fields,
    email1: fields.email1 ?? text(work, 'Email'),
    businessPhone: fields.businessPhone ?? text(work, 'Phone'),
    mobilePhone: fields.mobilePhone ?? text(work, 'Mobile'),
    jobTitle: fields.jobTitle ?? text(work, 'Title'),
  };
}

/**
 * A Company in the fields of a contact. Work and Invoice addresses are the ones in use; older companies have Primary
 * filled (facts 2c).
 */
export function companyFromElement(item: XmlElement): ContactFields {
  const value = (group: string, ...names: string[]) => {
    const found = names
      .map((name) => text(child(child(item, group), name), 'Value'))
      .find((each) => each !== undefined);
    return found ?? byType(item, group, group === 'EmailAddresses' ? 'EmailAddress' : 'PhoneNumber').get(names[0]!);
  };
  const addresses = child(item, 'Addresses');
  return {
    company: text(item, 'Name'),
    customerId: text(item, 'Id'),
    governmentId: text(item, 'OrganizationNumber'),
    businessPhone: value('PhoneNumbers', 'Work', 'Primary'),
    mobilePhone: value('PhoneNumbers', 'Mobile'),
    businessFax: value('PhoneNumbers', 'Fax'),
    email1: value('EmailAddresses', 'Work', 'Primary'),
    email2: value('EmailAddresses', 'Invoice'),
    businessAddress: addressOf(addresses, 'Visit') ?? addressOf(addresses, 'Post'),
    webPage: text(item, 'Url'),
    body: textBody(text(item, 'Note')),
  };
}
