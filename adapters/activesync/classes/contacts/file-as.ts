/**
 * The name a contact is filed under, for contacts that have none of their own (MS-ASCNTC 2.2.2.30 FileAs).
 */
import type { ContactFields } from '../../../../domain/contact/fields.ts';

/** `Nordmann, Kari Anne`, else the company, else the first address. Empty when there is nothing at all. */
export function generatedFileAs(fields: ContactFields): string {
  const given = [fields.givenName, fields.middleName].filter(Boolean).join(' ');
  const name = [fields.familyName, given].filter(Boolean).join(', ');
  return name || fields.company || fields.nickname || fields.email1 || '';
}
