import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { authenticate, companyService, personService, type SoapService } from '../services.ts';
import { bodyOf, contentTypes, envelope, faultText, type SoapVersion } from '../soap.ts';
import { child, children, text, type XmlElement } from '../xml.ts';
import { type OfficeSimulator, startOfficeSimulator } from './start.ts';

const minuteMs = 60_000;

describe('the simulated office over SOAP', () => {
  let simulator: OfficeSimulator;
  let nowMs: number;

  beforeEach(async () => {
    nowMs = Date.UTC(2026, 2, 1, 12, 0, 30);
    simulator = await startOfficeSimulator({ nowMs: () => nowMs, quotaPerHour: 50 });
  });
  afterEach(() => simulator.close());

  async function call(
    service: SoapService,
    operation: string,
    parameters: XmlElement,
    cookie?: string,
    version: SoapVersion = '1.1',
  ) {
    const response = await fetch(`${simulator.urls[service.host]}${service.path}`, {
      method: 'POST',
      headers: {
        'content-type': contentTypes[version],
        ...(version === '1.1' ? { soapaction: `"${service.namespace}/${operation}"` } : {}),
        ...(cookie === undefined ? {} : { cookie: `ASP.NET_SessionId=${cookie}` }),
      },
      body: envelope({ [operation]: { '@_xmlns': service.namespace, ...parameters } }, version),
    });
    const { name, element } = bodyOf(await response.text());
    return {
      status: response.status,
      headers: response.headers,
      name,
      element,
      fault: name === 'Fault' ? faultText(element) : '',
    };
  }

  const login = async (Username = 'kari@demo.example', Password = 'demo', more: XmlElement = {}) =>
    await call(authenticate, 'Login', { credential: { ApplicationId: 'any', ...more, Password, Username } });
  const cookieOf = async (username?: string) => text((await login(username)).element, 'LoginResult')!;

  it('answers a wrong password with HTTP 200 and no result', async () => {
    const { status, name, element } = await login('kari@demo.example', 'guess');
    expect([status, name, text(element, 'LoginResult')]).toEqual([200, 'LoginResponse', undefined]);
  });

  it('gives a session id of 24 characters as result and as cookie, and ignores what it does not know', async () => {
    const { element, headers } = await login('KARI@demo.example', 'demo', { Type: 'Community' });
    const id = text(element, 'LoginResult');
    expect(id).toMatch(/^[a-z0-9]{24}$/);
    expect(headers.get('set-cookie')).toContain(`ASP.NET_SessionId=${id}`);
  });

  it('answers a call without a session with HTTP 500 and a fault behind an arrow', async () => {
    const { status, fault } = await call(personService, 'GetPersons', { personSearch: {} });
    expect(status).toBe(500);
    expect(fault).toBe('Server was unable to process request. ---> Session is not authenticated');
  });

  it('takes one cookie at both hosts, and both versions of SOAP', async () => {
    const cookie = await cookieOf();
    const persons = await call(personService, 'GetPersons', { personSearch: {} }, cookie, '1.2');
    const companies = await call(companyService, 'GetCompanySyncList', { syncSearchParameters: { Page: '1' } }, cookie);
    expect([persons.status, companies.status]).toEqual([200, 200]);
    expect(persons.headers.get('content-type')).toContain('application/soap+xml');
  });

  it('ends a session that is not used, and keeps one that is', async () => {
    const cookie = await cookieOf();
    const alive = async () => text((await call(authenticate, 'HasSession', {}, cookie)).element, 'HasSessionResult');
    for (let time = 0; time < 3; time += 1) {
      nowMs += 15 * minuteMs;
      expect(await alive()).toBe('true');
    }
    nowMs += 21 * minuteMs;
    expect(await alive()).toBe('false');
  });

  it('counts calls down and blocks those beyond the quota until the hour is over', async () => {
    const cookie = await cookieOf();
    const ask = () => call(authenticate, 'HasSession', {}, cookie);
    const { headers } = await ask();
    expect(headers.get('apilimitremaining')).toBe('48');
    for (let left = 48; left > 0; left -= 1) await ask();
    const blocked = await ask();
    expect(blocked.status).toBe(500);
    expect(blocked.fault).toContain(
      'Limit exceeded by 1. Request is blocked. Quarantine ends at 2026-03-01T13:00:00.000Z',
    );
    nowMs += 60 * minuteMs;
    // The quota opens; the session has ended meanwhile.
    expect(text((await ask()).element, 'HasSessionResult')).toBe('false');
  });

  it('holds a new person private to its creator unless told otherwise, and deletes none', async () => {
    const [kari, ola] = [await cookieOf(), await cookieOf('ola@demo.example')];
    await call(personService, 'SavePerson', { personItem: { FirstName: 'Hemmelig', ConsumerPersonNo: 'k1' } }, kari);
    const seenBy = async (cookie: string) => {
      const { element } = await call(personService, 'GetPersons', { personSearch: { Name: 'Hemmelig' } }, cookie);
      return children(child(element, 'GetPersonsResult'), 'PersonItem');
    };
    const [own] = await seenBy(kari);
    expect(text(own, 'IsPrivate')).toBeUndefined();
    expect(text(own, 'DateChanged')).toBe('2026-03-01T12:00:00Z');
    expect(await seenBy(ola)).toEqual([]);
    expect((await call(personService, 'DeletePerson', { personId: '1' }, kari)).fault).toContain('did not recognize');
  });

  it('does not take a kind of phone that a person does not have', async () => {
    const PhoneNumbers = { PhoneNumber: [{ Type: 'Work', Value: '1' }] };
    const { status, fault } = await call(
      personService,
      'SavePerson',
      { personItem: { FirstName: 'A', PhoneNumbers } },
      await cookieOf(),
    );
    expect(status).toBe(500);
    expect(fault).toContain("Instance validation error: 'Work' is not a valid value for PhoneNumberType.");
  });

  it('wants something to look for in companies, and returns the properties asked for only', async () => {
    const cookie = await cookieOf();
    const none = await call(
      companyService,
      'GetCompanies',
      { searchParams: {}, returnProperties: { string: ['Name'] } },
      cookie,
    );
    expect(none.fault).toContain('Please specify at least one search parameter');
    const { element } = await call(
      companyService,
      'GetCompanies',
      { searchParams: { CompanyName: '%båt%' }, returnProperties: { string: ['Name'] } },
      cookie,
    );
    const [company, ...others] = children(child(element, 'GetCompaniesResult'), 'Company');
    expect(others).toEqual([]);
    expect(Object.keys(company as XmlElement).sort()).toEqual(['Id', 'Name']);
    expect(text(company, 'Name')).toBe('Ålesund Båtbyggeri');
  });

  it('tells the failure of one company inside a good answer', async () => {
    const { status, element } = await call(
      companyService,
      'SaveCompanies',
      { companies: { Company: [{ Url: 'x' }] } },
      await cookieOf(),
    );
    const [company] = children(child(element, 'SaveCompaniesResult'), 'Company');
    expect(status).toBe(200);
    expect(text(child(company, 'APIException'), 'Message')).toBe('Name is mandatory');
  });

  it('keeps tenants apart and refuses a blocked identity', async () => {
    const clients = [
      { id: 7, name: 'En AS' },
      { id: 8, name: 'To AS' },
      { id: 9, name: 'Stengt AS', blocked: true },
    ];
    simulator.addPerson({ email: 'per@en.example', password: 'x', clients });
    const cookie = text((await login('per@en.example', 'x')).element, 'LoginResult')!;
    const identities = async () =>
      children(
        child((await call(authenticate, 'GetIdentities', {}, cookie)).element, 'GetIdentitiesResult'),
        'Identity',
      );
    const [, second, third] = (await identities()).map((identity) => text(identity, 'Id'));
    await call(personService, 'SavePerson', { personItem: { FirstName: 'Bare', LastName: 'Her' } }, cookie);
    expect(
      text(
        (await call(authenticate, 'SetIdentityById', { identityId: second! }, cookie)).element,
        'SetIdentityByIdResult',
      ),
    ).toBe('true');
    const { element } = await call(personService, 'GetPersons', { personSearch: { Name: 'Bare' } }, cookie);
    expect(children(child(element, 'GetPersonsResult'), 'PersonItem')).toEqual([]);
    expect((await identities()).map((identity) => text(identity, 'IsCurrent'))).toEqual(['false', 'true', 'false']);
    expect((await call(authenticate, 'SetIdentityById', { identityId: third! }, cookie)).fault).toContain(
      'IdentityId is blocked',
    );
  });

  it('has a description at each address, in any case of letters, and nothing elsewhere', async () => {
    const wsdl = await fetch(`${simulator.url}/api.24sevenoffice.com/Authenticate/V001/authenticate.asmx?wsdl`);
    expect(await wsdl.text()).toContain('name="Login"');
    expect(
      (
        await fetch(`${simulator.url}/api.24sevenoffice.com/calendar.asmx`, {
          method: 'POST',
          headers: { 'content-type': 'text/xml' },
          body: '<a/>',
        })
      ).status,
    ).toBe(404);
  });

  it('answers what is no XML, or declares a document type, with a fault', async () => {
    const url = `${simulator.urls.api}${authenticate.path}`;
    for (const body of ['', 'x', '<a>', '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', '<a/>']) {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'text/xml', soapaction: '"x"' },
        body,
      });
      expect(response.status).toBe(400);
      expect(bodyOf(await response.text()).name).toBe('Fault');
    }
  });
});
