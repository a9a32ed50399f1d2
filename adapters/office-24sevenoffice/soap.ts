import { buildXml, child, children, NotXml, ownText, parseXml, text, type XmlElement, xsi } from './xml.ts';

export type SoapVersion = '1.1' | '1.2';

const envelopes: Readonly<Record<SoapVersion, string>> = {
  '1.1': 'http://schemas.xmlsoap.org/soap/envelope/',
  '1.2': 'http://www.w3.org/2003/05/soap-envelope',
};

export const contentTypes: Readonly<Record<SoapVersion, string>> = {
  '1.1': 'text/xml; charset=utf-8',
  '1.2': 'application/soap+xml; charset=utf-8',
};

export function envelope(body: XmlElement, version: SoapVersion = '1.1'): string {
  const document = {
    'soap:Envelope': {
      '@_xmlns:soap': envelopes[version],
      '@_xmlns:xsi': xsi,
      '@_xmlns:xsd': 'http://www.w3.org/2001/XMLSchema',
      'soap:Body': body,
    },
  };
  return `<?xml version="1.0" encoding="utf-8"?>${buildXml(document)}`;
}

/** The one element of a SOAP body, by its local name. Throws NotXml for anything but an envelope with one. */
export function bodyOf(document: string): { readonly name: string; readonly element: XmlElement } {
  const body = child(child(parseXml(document), 'Envelope'), 'Body');
  if (body === undefined) throw new NotXml('No SOAP body');
  const names = Object.keys(body).filter((name) => !name.startsWith('@_') && name !== '#text');
  const name = names[0];
  if (name === undefined || names.length !== 1) throw new NotXml('A SOAP body has one element');
  return { name, element: child(body, name) ?? {} };
}

/** What a fault of either version says. */
export const faultText = (fault: XmlElement): string =>
  text(fault, 'faultstring') ?? ownText(children(child(fault, 'Reason'), 'Text')[0]) ?? '';

export function faultBody(message: string, version: SoapVersion, party: 'client' | 'server'): XmlElement {
  if (version === '1.1') {
    const faultcode = party === 'client' ? 'soap:Client' : 'soap:Server';
    return { 'soap:Fault': { faultcode, faultstring: message, detail: '' } };
  }
  return {
    'soap:Fault': {
      'soap:Code': { 'soap:Value': party === 'client' ? 'soap:Sender' : 'soap:Receiver' },
      'soap:Reason': { 'soap:Text': { '@_xml:lang': 'en', '#text': message } },
      'soap:Detail': '',
    },
  };
}
