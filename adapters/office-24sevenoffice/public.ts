import type { ContactFields } from '../../domain/contact/fields.ts';
import { normalise } from '../office/normalise.ts';
import type { OfficeDirectoryEntry } from '../office/port.ts';
import { bareAddress, line } from '../office/text.ts';
import { companyFromElement, companyProperties, personFromElement } from './mapping/directory.ts';
import { companyService, personService } from './services.ts';
import type { AccountSession } from './session.ts';
import { boolean, child, children, instant, integer, text, type XmlElement } from './xml.ts';

/** A company as the public interface tells it. */
export interface PublicCompany {
  readonly id: string;
  readonly fields: ContactFields;
  readonly changedAt?: string;
}

const companiesPerCall = 200;
const maxCompanyPages = 100;
const returnProperties = { string: [...companyProperties] };

function companies(answer: XmlElement): PublicCompany[] {
  return children(child(answer, 'GetCompaniesResult'), 'Company').flatMap((company) => {
    const id = integer(company, 'Id');
    if (id === undefined || typeof company !== 'object' || Array.isArray(company)) return [];
    const fields = companyFromElement(company as XmlElement);
    const changedAt = instant(company, 'DateChanged');
    return [{ id: String(id), fields, ...(changedAt === undefined ? {} : { changedAt }) }];
  });
}

/** All active companies: the ids by pages of 1,000 (GetCompanySyncList), the contents by 200 (facts 2c). */
export async function allCompanies(account: AccountSession): Promise<PublicCompany[]> {
  const ids: string[] = [];
  for (let page = 1; page <= maxCompanyPages; page += 1) {
    const answer = await account.call(companyService, 'GetCompanySyncList', {
      syncSearchParameters: { Page: String(page), Active: 'true' },
    });
    const list = child(answer, 'GetCompanySyncListResult');
    for (const company of children(child(list, 'Items'), 'SyncCompany')) {
      const id = integer(company, 'CompanyId');
      if (id !== undefined && boolean(company, 'Active') !== false) ids.push(String(id));
    }
    if (page >= (integer(list, 'TotalPages') ?? 1)) break;
  }
  const found: PublicCompany[] = [];
  for (let from = 0; from < ids.length; from += companiesPerCall) {
    const CompanyIds = { int: ids.slice(from, from + companiesPerCall) };
    const answer = await account.call(companyService, 'GetCompanies', {
      searchParams: { CompanyIds },
      returnProperties,
    });
    found.push(...companies(answer));
  }
  return found;
}

export async function companyById(account: AccountSession, id: string): Promise<PublicCompany | undefined> {
  const answer = await account.call(companyService, 'GetCompanies', {
    searchParams: { CompanyId: id },
    returnProperties,
  });
  return companies(answer)[0];
}

export async function companyByExternalId(account: AccountSession, key: string): Promise<PublicCompany | undefined> {
  const answer = await account.call(companyService, 'GetCompanies', {
    searchParams: { ExternalId: key },
    returnProperties,
  });
  return companies(answer)[0];
}

function personEntry(item: XmlElement): OfficeDirectoryEntry | undefined {
  const id = text(item, 'Id');
  if (id === undefined) return undefined;
  // A directory shows where a person works; the address and birthday are the person's own.
  const {
    homeAddress: _address,
    birthday: _birthday,
    body: _body,
    ...fields
  } = normalise('contact', personFromElement(item));
  const displayName = [fields.givenName, fields.familyName].filter((name) => name !== undefined).join(' ');
  return { id, kind: 'person', displayName: displayName === '' ? (fields.email1 ?? id) : displayName, fields };
}

/**
 * People and companies of the CRM. GetPersons looks for one word of a name or for an e-mail address (facts 2b), so
 * the other words are looked for here.
 */
export async function searchCrm(
  account: AccountSession,
  sought: string,
  limit: number,
): Promise<OfficeDirectoryEntry[]> {
  const wanted = line(sought, 100)?.toLowerCase();
  if (wanted === undefined || limit <= 0) return [];
  const words = wanted.split(/\s+/);
  const email = wanted.includes('@') ? bareAddress(wanted, 100) : undefined;
  const longest = words.reduce((best, word) => (word.length > best.length ? word : best));
  const [people, named] = await Promise.all([
    account.call(personService, 'GetPersons', {
      personSearch:
        email === undefined ? { GetRelationData: 'true', Name: longest } : { Email: email, GetRelationData: 'true' },
    }),
    account.call(companyService, 'GetCompanies', {
      searchParams: email === undefined ? { CompanyName: `%${wanted}%` } : { CompanyEmail: email },
      returnProperties,
    }),
  ]);
  const persons = children(child(people, 'GetPersonsResult'), 'PersonItem')
    .flatMap((item) => personEntry(item as XmlElement) ?? [])
    .filter(({ displayName, fields }) => {
      const text = `${displayName} ${fields.email1 ?? ''} ${fields.email2 ?? ''} ${fields.company ?? ''}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
  const found = companies(named).map(({ id, fields }): OfficeDirectoryEntry => {
    const normal = normalise('company', fields);
    return { id, kind: 'company', displayName: normal.company ?? id, fields: normal };
  });
  return [...persons, ...found].slice(0, limit);
}
