import { describe, expect, it } from 'vitest';
import { AirSync, ComposeMail, Contacts, Provision, Search, Settings } from './code-pages/index.ts';
import type { Element, Tag } from './element.ts';
import { formatXml } from './format.ts';
import { parseXmlTwin } from './xml-twin.ts';

function element(tag: Tag, ...content: (string | Uint8Array | Element)[]): Element {
  return {
    tag,
    text: content.filter((part) => typeof part === 'string').join(''),
    opaque: content.find((part) => part instanceof Uint8Array),
    children: content.filter((part): part is Element => typeof part === 'object' && 'tag' in part),
  };
}

describe('formatXml', () => {
  it('writes one element a line, with names for people', () => {
    const tree = element(
      AirSync.Sync,
      element(AirSync.SyncKey, '0'),
      element(AirSync.GetChanges),
      element(0x003f, element(0x6305, 'a & <b>')),
      element(ComposeMail.Mime, new Uint8Array([1, 2, 3])),
      element(Contacts.Categories, 'mixed "text"\n', element(Contacts.Category, 'line\r\nline')),
    );
    expect(formatXml(tree)).toBe(
      [
        '<AirSync:Sync>',
        '  <AirSync:SyncKey>0</AirSync:SyncKey>',
        '  <AirSync:GetChanges/>',
        '  <AirSync:0x3F>',
        '    <Page99:0x05>a &amp; &lt;b&gt;</Page99:0x05>',
        '  </AirSync:0x3F>',
        '  <ComposeMail:Mime opaque="AQID"/>',
        '  <Contacts:Categories text="mixed &quot;text&quot;&#xA;">',
        '    <Contacts:Category>line&#xD;\nline</Contacts:Category>',
        '  </Contacts:Categories>',
        '</AirSync:Sync>',
      ].join('\n'),
    );
    expect(parseXmlTwin(formatXml(tree))).toEqual(tree);
  });

  it('shows keys, ids and states in a redacted trace, and nothing a person wrote', () => {
    const secret = 'Kåre';
    const tree = element(
      AirSync.Sync,
      secret,
      element(AirSync.SyncKey, '7'),
      element(AirSync.ServerId, 'c:1'),
      element(AirSync.Status, '1'),
      element(Contacts.FirstName, secret),
      element(Contacts.Spouse),
      element(Search.Query, secret),
      element(Settings.Password, secret),
      element(Provision.PolicyKey, secret),
      element(0x003f, secret),
      element(ComposeMail.Mime, Buffer.from(secret)),
    );
    const trace = formatXml(tree, { redact: true });
    expect(trace).not.toContain(secret);
    expect(trace).not.toContain(Buffer.from(secret).toString('base64'));
    expect(trace.split('\n')).toEqual([
      '<AirSync:Sync text="[redacted]">',
      '  <AirSync:SyncKey>7</AirSync:SyncKey>',
      '  <AirSync:ServerId>c:1</AirSync:ServerId>',
      '  <AirSync:Status>1</AirSync:Status>',
      '  <Contacts:FirstName>[redacted]</Contacts:FirstName>',
      '  <Contacts:Spouse/>',
      '  <Search:Query>[redacted]</Search:Query>',
      '  <Settings:Password>[redacted]</Settings:Password>',
      '  <Provision:PolicyKey>[redacted]</Provision:PolicyKey>',
      '  <AirSync:0x3F>[redacted]</AirSync:0x3F>',
      '  <ComposeMail:Mime opaque="[5 bytes]"/>',
      '</AirSync:Sync>',
    ]);
  });
});

describe('parseXmlTwin', () => {
  it.each(['', '<AirSync:Sync>', '<AirSync:Unheard/>', '<Sync/>', '<AirSync:Sync/><AirSync:Sync/>'])(
    'throws on "%s"',
    (xml) => expect(() => parseXmlTwin(xml)).toThrow(),
  );
});
