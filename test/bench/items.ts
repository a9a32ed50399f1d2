/** Items as phones send them, of ordinary size. */
import { AirSync, AirSyncBase, Contacts } from '../../adapters/activesync/wbxml/code-pages/index.ts';
import type { Element } from '../../adapters/activesync/wbxml/element.ts';
import { el } from '../eas-client/elements.ts';

const lastNames = ['Bråthen', 'Hansen', 'Ødegård', 'Nilsen', 'Solberg', 'Lund', 'Moen', 'Haugen'];

/** About 500 bytes on the wire: name, numbers, address, company and a short note. */
export function contact(number: number, change = ''): Element {
  const last = lastNames[number % lastNames.length] ?? '';
  return el(AirSync.ApplicationData, [
    el(Contacts.FileAs, `${last}, Astrid ${number}`),
    el(Contacts.FirstName, `Astrid ${number}`),
    el(Contacts.LastName, last),
    el(Contacts.Email1Address, `astrid.${number}@fjord.example`),
    el(Contacts.MobilePhoneNumber, `+47 900 ${String(number).padStart(5, '0')}`),
    el(Contacts.BusinessPhoneNumber, `+47 220 ${String(number).padStart(5, '0')}`),
    el(Contacts.CompanyName, `Fjord AS ${number % 97}`),
    el(Contacts.JobTitle, `Daglig leder ${change}`.trim()),
    el(Contacts.BusinessAddressStreet, `Storgata ${number % 200}`),
    el(Contacts.BusinessAddressPostalCode, String(1000 + (number % 9000))),
    el(Contacts.BusinessAddressCity, 'Ålesund'),
    el(Contacts.BusinessAddressCountry, 'Norge'),
    el(AirSyncBase.Body, [
      el(AirSyncBase.Type, '1'),
      el(AirSyncBase.Data, `Møttes på messen i fjor. Nummer ${number}.`),
    ]),
  ]);
}
