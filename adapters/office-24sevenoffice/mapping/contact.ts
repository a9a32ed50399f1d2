import type { Address, ContactFields } from '../../../domain/contact/fields.ts';
import { child, day, nil, text, type XmlElement, type XmlNode } from '../xml.ts';
import { bodyText, byType, orNil, textBody, typed } from './common.ts';

export function addressOf(parent: XmlNode | undefined, name: string): Address | undefined {
  const from = child(parent, name);
  if (from === undefined) return undefined;
  return {
    street: text(from, 'Street'),
    locality: text(from, 'PostalArea') ?? text(from, 'City'),
    region: text(from, 'State'),
    postalCode: text(from, 'PostalCode'),
    country: text(from, 'Country'),
  };
}

function addressElement(address: Address | undefined): XmlNode {
  if (address === undefined) return nil;
  return {
    Country: orNil(address.country),
    PostalArea: orNil(address.locality),
    PostalCode: orNil(address.postalCode),
    State: orNil(address.region),
    Street: orNil(address.street),
    Type: 'Post',
  };
}

/**
 * What PersonItem and the assumed PersonalContact share (facts 2b): e-mail Primary, Home and Alternative, phone
 * Primary and Mobile, one fax, one address, which is the person's own.
 */
export function contactFromElement(item: XmlElement): ContactFields {
  const emails = byType(item, 'EmailAddresses', 'EmailAddress');
  const phones = byType(item, 'PhoneNumbers', 'PhoneNumber');
  return {
    givenName: text(item, 'FirstName'),
    familyName: text(item, 'LastName'),
    nickname: text(item, 'Nickname'),
    email1: emails.get('Primary'),
    email2: emails.get('Home'),
    email3: emails.get('Alternative'),
    businessPhone: phones.get('Primary'),
    mobilePhone: phones.get('Mobile'),
    homePhone: phones.get('Private'),
    carPhone: phones.get('SecondMobile'),
    businessFax: text(child(item, 'FaxNumber'), 'Value'),
    homeAddress: addressOf(item, 'PostAddress'),
    company: text(item, 'Workplace'),
    department: text(item, 'Department'),
    jobTitle: text(item, 'WorkPosition'),
    webPage: text(item, 'Url'),
    birthday: day(item, 'DateOfBirth'),
    body: textBody(text(item, 'Comment')),
  };
}

/** The element to save, of normalised fields. The second mobile is where phones have a car phone. */
export function contactElement(fields: ContactFields): XmlElement {
  return {
    Comment: orNil(bodyText(fields.body)),
    DateOfBirth: orNil(fields.birthday === undefined ? undefined : `${fields.birthday}T00:00:00`),
    Department: orNil(fields.department),
    EmailAddresses: typed('EmailAddress', [
      ['Primary', fields.email1],
      ['Home', fields.email2],
      ['Alternative', fields.email3],
    ]),
    FaxNumber: fields.businessFax === undefined ? nil : { Type: 'Primary', Value: fields.businessFax },
    FirstName: orNil(fields.givenName),
    LastName: orNil(fields.familyName),
    Nickname: orNil(fields.nickname),
    PhoneNumbers: typed('PhoneNumber', [
      ['Primary', fields.businessPhone],
      ['Mobile', fields.mobilePhone],
      ['Private', fields.homePhone],
      ['SecondMobile', fields.carPhone],
    ]),
    PostAddress: addressElement(fields.homeAddress),
    Url: orNil(fields.webPage),
    Workplace: orNil(fields.company),
    WorkPosition: orNil(fields.jobTitle),
  };
}
