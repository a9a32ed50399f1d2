import { describe, expect, it } from 'vitest';
import type { ContactFields } from '../../../../domain/contact/fields.ts';
import type { TimeZoneName } from '../../../../domain/shared/ids.ts';
import { AirSync, Contacts, Contacts2 } from '../../wbxml/code-pages/index.ts';
import { decodeWbxml } from '../../wbxml/decode.ts';
import { child, type Element, textOf } from '../../wbxml/element.ts';
import { Writer } from '../../wbxml/writer.ts';
import type { ParseContext, RenderContext } from '../port.ts';
import { contactsClass } from './contacts-class.ts';
import { maxPictureBytes } from './picture.ts';

const base = { version: 141, email: 'kari@fjord.example', timeZone: 'Europe/Oslo' as TimeZoneName } as const;
const renderContext: RenderContext = { ...base, bodyPreferences: [] };
const adding: ParseContext = { ...base, operation: 'add', supported: null };
const changing = (known: ContactFields, more: Partial<ParseContext> = {}): ParseContext => ({
  ...base,
  operation: 'change',
  supported: null,
  known,
  ...more,
});

function item(write: (writer: Writer) => void): Element {
  const writer = new Writer();
  writer.open(AirSync.ApplicationData).empty(AirSync.Status);
  write(writer);
  const decoded = decodeWbxml(writer.close().finish());
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.root;
}

const rendered = (fields: ContactFields, context = renderContext): Element =>
  item((writer) => contactsClass.render(writer, fields, context));

const named: ContactFields = { givenName: 'Kari', middleName: 'Anne', familyName: 'Nordmann' };

describe('a contact without a name to be filed under', () => {
  it('is given one from its names, its company, or its address', () => {
    expect(textOf(rendered(named), Contacts.FileAs)).toBe('Nordmann, Kari Anne');
    expect(textOf(rendered({ givenName: 'Kari' }), Contacts.FileAs)).toBe('Kari');
    expect(textOf(rendered({ company: 'Fjord AS', email1: 'post@fjord.example' }), Contacts.FileAs)).toBe('Fjord AS');
    expect(child(rendered({ mobilePhone: '1' }), Contacts.FileAs)).toBeUndefined();
    expect(textOf(rendered({ ...named, fileAs: 'Kari' }), Contacts.FileAs)).toBe('Kari');
  });

  it('is not named by a device that sends that name back, even together with a new family name', () => {
    const sent = item((writer) =>
      writer
        .element(Contacts.FileAs, 'Nordmann, Kari Anne')
        .element(Contacts.FirstName, 'Kari')
        .element(Contacts.MiddleName, 'Anne')
        .element(Contacts.LastName, 'Fjell'),
    );
    expect(contactsClass.parse(sent, changing(named))).toEqual({
      kind: 'parsed',
      patch: { set: { familyName: 'Fjell' }, cleared: [] },
    });
  });
});

describe('a change of a contact', () => {
  const known: ContactFields = {
    ...named,
    fileAs: 'Kari',
    mobilePhone: '900',
    photo: 'AAAA',
    weightedRank: 4,
    body: { type: 'text', content: 'note' },
    homeAddress: { street: 'Storgata 1', locality: 'Oslo' },
    manager: 'Ola',
  };
  const names = (writer: Writer): Writer =>
    writer
      .element(Contacts.FileAs, 'Kari')
      .element(Contacts.FirstName, 'Kari')
      .element(Contacts.MiddleName, 'Anne')
      .element(Contacts.LastName, 'Nordmann');

  it('clears what it leaves out from 16.0, but never photo, body and rank', () => {
    const parsed = contactsClass.parse(item(names), changing(known, { version: 160 }));
    expect(parsed).toEqual({ kind: 'parsed', patch: { set: {}, cleared: ['homeAddress', 'mobilePhone', 'manager'] } });
  });

  it('keeps what the device does not manage, also the ghosted parts of an address', () => {
    const supported = new Set([Contacts.MobilePhoneNumber, Contacts.HomeAddressStreet]);
    const sent = item((writer) => names(writer).element(Contacts.HomeAddressStreet, 'Lillegata 2'));
    expect(contactsClass.parse(sent, changing(known, { supported }))).toEqual({
      kind: 'parsed',
      patch: { set: { homeAddress: { street: 'Lillegata 2', locality: 'Oslo' } }, cleared: ['mobilePhone'] },
    });
    expect(contactsClass.parse(item(names), changing(known, { supported: new Set() }))).toMatchObject({
      patch: { set: {}, cleared: [] },
    });
  });

  it('clears by an empty element in every version', () => {
    for (const version of [121, 140, 141, 160, 161] as const) {
      const sent = item((writer) => writer.empty(Contacts2.ManagerName).empty(Contacts.Picture));
      const parsed = contactsClass.parse(sent, changing(known, { version, supported: new Set() }));
      expect(parsed).toMatchObject({ patch: { set: {}, cleared: ['photo', 'manager'] } });
    }
  });

  it('does not decide what the device never had', () => {
    expect(contactsClass.parse(item(names), changing({ ...named, fileAs: 'Kari' }))).toMatchObject({
      patch: { set: {}, cleared: [] },
    });
  });
});

describe('a photo', () => {
  const withPhoto = (bytes: number): Element =>
    item((writer) => writer.element(Contacts.Picture, Buffer.alloc(bytes, 7).toString('base64')));

  it('is taken up to 48 KB, and refused with Status 6 above', () => {
    expect(contactsClass.parse(withPhoto(maxPictureBytes), adding).kind).toBe('parsed');
    expect(contactsClass.parse(withPhoto(maxPictureBytes + 1), adding)).toMatchObject({ kind: 'refused', status: 6 });
  });

  it('is not written when it is too large or absent: an empty element hurts', () => {
    const photo = Buffer.alloc(maxPictureBytes + 1).toString('base64');
    expect(child(rendered({ ...named, photo }), Contacts.Picture)).toBeUndefined();
    expect(child(rendered({ ...named, photo: '' }), Contacts.Picture)).toBeUndefined();
  });

  it('is mended when it came as bytes or folded into lines, and left out when it is no base64', () => {
    const opaque = item((writer) => writer.opaque(Contacts.Picture, Buffer.from([255, 216, 255])));
    expect(contactsClass.parse(opaque, adding)).toMatchObject({ patch: { set: { photo: '/9j/' } } });
    const folded = item((writer) => writer.element(Contacts.Picture, '/9\r\nj/'));
    expect(contactsClass.parse(folded, adding)).toMatchObject({ patch: { set: { photo: '/9j/' } } });
    const broken = item((writer) => writer.element(Contacts.FirstName, 'Kari').element(Contacts.Picture, '<jpeg>'));
    expect(contactsClass.parse(broken, adding)).toMatchObject({ patch: { set: { givenName: 'Kari' } } });
  });
});

describe('a contact that cannot be understood', () => {
  it('is refused with a reason that holds nothing personal', () => {
    const sent = item((writer) => writer.element(Contacts.Birthday, 'secret'));
    expect(contactsClass.parse(sent, adding)).toEqual({ kind: 'refused', status: 6, reason: 'birthday: not a time' });
    const long = item((writer) => writer.element(Contacts.FirstName, 'x'.repeat(40_000)));
    expect(contactsClass.parse(long, adding)).toEqual({
      kind: 'refused',
      status: 6,
      reason: 'givenName: text too long',
    });
  });
});

describe('the recipient rank', () => {
  it('is told from 14.0 on', () => {
    const fields: ContactFields = { ...named, weightedRank: 3 };
    expect(child(rendered(fields, { ...renderContext, version: 121 }), Contacts.WeightedRank)).toBeUndefined();
    expect(textOf(rendered(fields, { ...renderContext, version: 140 }), Contacts.WeightedRank)).toBe('3');
  });
});
