import { assumedRecords, profileService } from '../assumed/services.ts';
import { authenticate, clientService, companyService, personService, type SoapService } from '../services.ts';
import { bodyOf, envelope, faultBody, type SoapVersion } from '../soap.ts';
import { buildXml, NotXml, type XmlElement } from '../xml.ts';
import { assumedOperations } from './assumed.ts';
import { authenticateOperations } from './authenticate.ts';
import { Fault, type Operation, unableToProcess } from './call.ts';
import { companyOperations } from './companies.ts';
import type { FaultKind, Mischief } from './mischief.ts';
import { clientOperations, personOperations } from './persons.ts';
import type { Quota } from './quota.ts';
import { Invalid } from './records.ts';
import type { Sessions } from './sessions.ts';
import type { OfficeState } from './state.ts';

export interface SoapRequest {
  /** Path with the virtual host as its first part, any case. */
  readonly path: string;
  readonly contentType: string;
  readonly soapAction: string | undefined;
  readonly cookie: string | undefined;
  readonly body: string;
}

export interface SoapAnswer {
  readonly status: number;
  readonly version: SoapVersion;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What the connection shall do instead of, or before, carrying the answer. */
  readonly delay?: 'slow' | 'never' | 'lose';
}

interface Mounted {
  readonly service: SoapService;
  readonly operations: Readonly<Record<string, Operation>>;
}

const hosts = { api: 'api.24sevenoffice.com', webservices: 'webservices.24sevenoffice.com' } as const;
const pathOf = (service: SoapService): string => `/${hosts[service.host]}${service.path}`.toLowerCase();

const listing = new Set([
  'GetPersons',
  'GetPersonsDetailed',
  'GetAllNotes',
  'GetNotes',
  'GetCompanies',
  'GetCompanySyncList',
  ...Object.values(assumedRecords).map(({ get }) => get),
]);

const sessionCookie = (header: string | undefined): string | undefined =>
  /(?:^|;\s*)ASP\.NET_SessionId=([^;\s]+)/i.exec(header ?? '')?.[1];

export interface SoapServerOptions {
  readonly state: OfficeState;
  readonly sessions: Sessions;
  readonly quota: Quota;
  readonly mischief: Mischief;
}

/** The SOAP side of the simulated office, without its connection. */
export function createSoapServer({ state, sessions, quota, mischief }: SoapServerOptions) {
  const mounted = new Map<string, Mounted>(
    [
      { service: authenticate, operations: authenticateOperations(sessions) },
      { service: personService, operations: personOperations },
      { service: companyService, operations: companyOperations },
      { service: clientService, operations: clientOperations },
      { service: assumedRecords.appointment.service, operations: assumedOperations.appointment },
      { service: assumedRecords.task.service, operations: assumedOperations.task },
      { service: assumedRecords.contact.service, operations: assumedOperations.contact },
      { service: assumedRecords.note.service, operations: assumedOperations.note },
      { service: profileService, operations: assumedOperations.profile },
    ].map((each) => [pathOf(each.service), each]),
  );

  function answer(version: SoapVersion, status: number, body: XmlElement, more: Partial<SoapAnswer> = {}): SoapAnswer {
    return { status, version, body: envelope(body, version), headers: quota.headers(), ...more };
  }

  const fault = (
    version: SoapVersion,
    message: string,
    party: 'client' | 'server' = 'server',
    status = 500,
  ): SoapAnswer => answer(version, status, faultBody(message, version, party));

  /** The answer of an operation, with what it changed kept in files. */
  async function perform(
    mount: Mounted,
    name: string,
    element: XmlElement,
    version: SoapVersion,
    cookie: string | undefined,
    met: FaultKind | undefined,
  ): Promise<SoapAnswer> {
    const authenticates = mount.service === authenticate;
    const writes = mount.service.operations[name] === 'write';
    if (met === 'sessionExpired' && cookie !== undefined) sessions.end(cookie);
    const session = sessions.find(cookie);
    const open = authenticates && (name === 'Login' || name === 'HasSession');
    if (session === undefined && !open) return fault(version, unableToProcess('', 'Session is not authenticated'));
    try {
      const result = mount.operations[name]!({ state, request: element, session, emptyList: met === 'emptyList' });
      if (writes) await state.flush();
      const content = result === undefined ? {} : { [`${name}Result`]: result };
      const body = { [`${name}Response`]: { '@_xmlns': mount.service.namespace, ...content } };
      if (met === 'timeoutAfterCommit') return answer(version, 200, body, { delay: 'lose' });
      const id = name === 'Login' && typeof result === 'string' ? result : undefined;
      if (id === undefined) return answer(version, 200, body, met === 'slow' ? { delay: 'slow' } : {});
      const headers = { ...quota.headers(), 'set-cookie': `ASP.NET_SessionId=${id}; path=/; HttpOnly` };
      return answer(version, 200, body, { headers, ...(met === 'slow' ? { delay: 'slow' } : {}) });
    } catch (error) {
      if (error instanceof Fault) return fault(version, error.message);
      if (error instanceof Invalid) return fault(version, unableToProcess('System.ArgumentException', error.message));
      throw error;
    }
  }

  return {
    /** undefined: there is no such service. */
    async handle(request: SoapRequest): Promise<SoapAnswer | undefined> {
      const mount = mounted.get(request.path.toLowerCase());
      if (mount === undefined) return undefined;
      const version: SoapVersion = request.contentType.includes('application/soap+xml') ? '1.2' : '1.1';
      let call: ReturnType<typeof bodyOf>;
      try {
        call = bodyOf(request.body);
      } catch (error) {
        if (!(error instanceof NotXml)) throw error;
        return fault(
          version,
          'Server was unable to read request. ---> There is an error in XML document',
          'client',
          400,
        );
      }
      const { name, element } = call;
      const action = request.soapAction?.replaceAll('"', '');
      const known = Object.hasOwn(mount.operations, name);
      if (!known || (version === '1.1' && action !== `${mount.service.namespace}/${name}`)) {
        return fault(
          version,
          `Server did not recognize the value of HTTP Header SOAPAction: ${(action ?? '').slice(0, 200)}.`,
          'client',
        );
      }
      const met = mischief.meet({
        authenticates: mount.service === authenticate,
        writes: mount.service.operations[name] === 'write',
        lists: listing.has(name),
      });
      if (met === 'http500')
        return fault(
          version,
          unableToProcess('System.NullReferenceException', 'Object reference not set to an instance of an object.'),
        );
      if (met === 'timeout') return answer(version, 200, {}, { delay: 'never' });
      const quarantine = quota.take(met === 'quota');
      if (quarantine !== undefined) return fault(version, unableToProcess('', quarantine));
      return await perform(mount, name, element, version, sessionCookie(request.cookie), met);
    },

    /** A WSDL of names only: what operations there are and where. */
    wsdl(path: string, url: string): string | undefined {
      const mount = mounted.get(path.toLowerCase());
      if (mount === undefined) return undefined;
      const { namespace } = mount.service;
      const names = Object.keys(mount.operations);
      return buildXml({
        'wsdl:definitions': {
          '@_xmlns:wsdl': 'http://schemas.xmlsoap.org/wsdl/',
          '@_xmlns:soap': 'http://schemas.xmlsoap.org/wsdl/soap/',
          '@_targetNamespace': namespace,
          'wsdl:portType': { '@_name': 'ServiceSoap', 'wsdl:operation': names.map((name) => ({ '@_name': name })) },
          'wsdl:service': {
            '@_name': 'Service',
            'wsdl:port': { '@_name': 'ServiceSoap', 'soap:address': { '@_location': url } },
          },
        },
      });
    },
  };
}
