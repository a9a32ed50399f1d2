/**
 * The properties of a contact: MS-ASCNTC 2.2.2. One row a property; addresses have one a part.
 */
import type { Address, ContactFields } from '../../../../domain/contact/fields.ts';
import { AirSyncBase, Contacts, Contacts2 } from '../../wbxml/code-pages/index.ts';
import type { Tag } from '../../wbxml/element.ts';
import { birthday, integer, listOf, text } from '../shared/codecs.ts';
import type { AbsenceRule } from '../shared/ghosting.ts';
import type { Row } from '../shared/table.ts';
import { picture } from './picture.ts';

export type ContactField = keyof ContactFields & string;

const categories = listOf(Contacts.Category);
const children = listOf(Contacts.Child);

/** Ordered by code page, so that a contact switches pages no more than twice. */
export const contactRows: readonly Row<ContactField>[] = [
  { tag: Contacts.FileAs, field: 'fileAs', codec: text },
  { tag: Contacts.Title, field: 'prefix', codec: text },
  { tag: Contacts.FirstName, field: 'givenName', codec: text },
  { tag: Contacts.MiddleName, field: 'middleName', codec: text },
  { tag: Contacts.LastName, field: 'familyName', codec: text },
  { tag: Contacts.Suffix, field: 'suffix', codec: text },
  { tag: Contacts.YomiFirstName, field: 'yomiGivenName', codec: text },
  { tag: Contacts.YomiLastName, field: 'yomiFamilyName', codec: text },
  { tag: Contacts.YomiCompanyName, field: 'yomiCompany', codec: text },
  { tag: Contacts.Email1Address, field: 'email1', codec: text },
  { tag: Contacts.Email2Address, field: 'email2', codec: text },
  { tag: Contacts.Email3Address, field: 'email3', codec: text },
  { tag: Contacts.MobilePhoneNumber, field: 'mobilePhone', codec: text },
  { tag: Contacts.HomePhoneNumber, field: 'homePhone', codec: text },
  { tag: Contacts.Home2PhoneNumber, field: 'homePhone2', codec: text },
  { tag: Contacts.HomeFaxNumber, field: 'homeFax', codec: text },
  { tag: Contacts.BusinessPhoneNumber, field: 'businessPhone', codec: text },
  { tag: Contacts.Business2PhoneNumber, field: 'businessPhone2', codec: text },
  { tag: Contacts.BusinessFaxNumber, field: 'businessFax', codec: text },
  { tag: Contacts.CarPhoneNumber, field: 'carPhone', codec: text },
  { tag: Contacts.PagerNumber, field: 'pager', codec: text },
  { tag: Contacts.RadioPhoneNumber, field: 'radioPhone', codec: text },
  { tag: Contacts.AssistantPhoneNumber, field: 'assistantPhone', codec: text },
  { tag: Contacts.CompanyName, field: 'company', codec: text },
  { tag: Contacts.Department, field: 'department', codec: text },
  { tag: Contacts.JobTitle, field: 'jobTitle', codec: text },
  { tag: Contacts.OfficeLocation, field: 'officeLocation', codec: text },
  { tag: Contacts.AssistantName, field: 'assistant', codec: text },
  { tag: Contacts.WebPage, field: 'webPage', codec: text },
  { tag: Contacts.Birthday, field: 'birthday', codec: birthday },
  { tag: Contacts.Anniversary, field: 'anniversary', codec: birthday },
  { tag: Contacts.Spouse, field: 'spouse', codec: text },
  { tag: Contacts.Children, field: 'children', codec: children },
  { tag: Contacts.Categories, field: 'categories', codec: categories },
  { tag: Contacts.Picture, field: 'photo', codec: picture },
  { tag: Contacts.WeightedRank, field: 'weightedRank', codec: integer, since: 140 },
  { tag: Contacts2.NickName, field: 'nickname', codec: text },
  { tag: Contacts2.IMAddress, field: 'im1', codec: text },
  { tag: Contacts2.IMAddress2, field: 'im2', codec: text },
  { tag: Contacts2.IMAddress3, field: 'im3', codec: text },
  { tag: Contacts2.CompanyMainPhone, field: 'companyMainPhone', codec: text },
  { tag: Contacts2.MMS, field: 'mms', codec: text },
  { tag: Contacts2.ManagerName, field: 'manager', codec: text },
  { tag: Contacts2.CustomerId, field: 'customerId', codec: text },
  { tag: Contacts2.GovernmentId, field: 'governmentId', codec: text },
  { tag: Contacts2.AccountName, field: 'accountName', codec: text },
];

export type AddressField = 'homeAddress' | 'businessAddress' | 'otherAddress';

export interface AddressRow {
  readonly field: AddressField;
  readonly parts: readonly (readonly [Tag, keyof Address])[];
}

export const addressRows: readonly AddressRow[] = [
  {
    field: 'businessAddress',
    parts: [
      [Contacts.BusinessAddressStreet, 'street'],
      [Contacts.BusinessAddressCity, 'locality'],
      [Contacts.BusinessAddressState, 'region'],
      [Contacts.BusinessAddressPostalCode, 'postalCode'],
      [Contacts.BusinessAddressCountry, 'country'],
    ],
  },
  {
    field: 'homeAddress',
    parts: [
      [Contacts.HomeAddressStreet, 'street'],
      [Contacts.HomeAddressCity, 'locality'],
      [Contacts.HomeAddressState, 'region'],
      [Contacts.HomeAddressPostalCode, 'postalCode'],
      [Contacts.HomeAddressCountry, 'country'],
    ],
  },
  {
    field: 'otherAddress',
    parts: [
      [Contacts.OtherAddressStreet, 'street'],
      [Contacts.OtherAddressCity, 'locality'],
      [Contacts.OtherAddressState, 'region'],
      [Contacts.OtherAddressPostalCode, 'postalCode'],
      [Contacts.OtherAddressCountry, 'country'],
    ],
  },
];

/** Addresses are not in the tags: their parts are judged one by one, see `address.ts`. */
export const contactRule: AbsenceRule<ContactField> = {
  tags: new Map(contactRows.map(({ tag, field }) => [tag, field])),
  ghostable: true,
  keptFrom160: false,
  // WeightedRank is ours to tell: it comes with the recipient information cache.
  keptWhenAbsent: new Set<Tag>([Contacts.Picture, Contacts.WeightedRank, AirSyncBase.Body]),
};
