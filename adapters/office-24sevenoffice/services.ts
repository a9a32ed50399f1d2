export type OfficeHost = 'api' | 'webservices';

export interface SoapService {
  readonly host: OfficeHost;
  readonly path: string;
  readonly namespace: string;
  /** Operations by name; `write` says that a repeat may matter. */
  readonly operations: Readonly<Record<string, 'read' | 'write'>>;
}

const namespace = 'http://24sevenOffice.com/webservices';

/** The vendor's public services, as far as they are used (facts 1a, 2a to 2d). */
export const authenticate: SoapService = {
  host: 'api',
  path: '/authenticate/v001/authenticate.asmx',
  namespace,
  operations: {
    Login: 'read',
    HasSession: 'read',
    GetIdentity: 'read',
    GetIdentities: 'read',
    SetIdentityById: 'read',
  },
};

export const personService: SoapService = {
  host: 'webservices',
  path: '/CRM/Contact/PersonService.asmx',
  namespace,
  operations: {
    GetPersons: 'read',
    GetPersonsDetailed: 'read',
    GetPersonId: 'read',
    SavePerson: 'write',
    GetNotes: 'read',
    GetAllNotes: 'read',
    AddNote: 'write',
    DeleteNoteById: 'write',
  },
};

export const companyService: SoapService = {
  host: 'api',
  path: '/CRM/Company/V001/CompanyService.asmx',
  namespace,
  operations: { GetCompanies: 'read', GetCompanySyncList: 'read', SaveCompanies: 'write', DeleteCompanies: 'write' },
};

export const clientService: SoapService = {
  host: 'api',
  path: '/Client/V001/ClientService.asmx',
  namespace,
  operations: { GetUsers: 'read', GetClientInformation: 'read' },
};

/** Base URLs of the two hosts. */
export type OfficeUrls = Readonly<Record<OfficeHost, string>>;

export const vendorUrls: OfficeUrls = {
  api: 'https://api.24sevenoffice.com',
  webservices: 'https://webservices.24sevenoffice.com',
};

/** Both hosts as path prefixes under one base URL, as the simulator serves them. */
export function urlsUnder(baseUrl: string): OfficeUrls {
  const base = baseUrl.replace(/\/+$/, '');
  return { api: `${base}/api.24sevenoffice.com`, webservices: `${base}/webservices.24sevenoffice.com` };
}
