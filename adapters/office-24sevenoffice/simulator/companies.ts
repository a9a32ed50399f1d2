import {
  boolean,
  child,
  children,
  instant,
  integer,
  nil,
  ownText,
  text,
  type XmlElement,
  type XmlNode,
} from '../xml.ts';
import { clientOf, Fault, lower, type Operation, unableToProcess } from './call.ts';
import { type CompanyRecord, Invalid } from './records.ts';

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
