import { describe, expect, it } from 'vitest';
import { boolean, buildXml, child, children, day, instant, integer, isNil, NotXml, parseXml, text } from './xml.ts';

const read = (inside: string) =>
  child(
    parseXml(
      `<?xml version="1.0"?><o:a xmlns:o="urn:x" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">${inside}</o:a>`,
    ),
    'a',
  );

describe('the office’s XML', () => {
  it('reads none, one and several elements alike', () => {
    const found = ['', '<o:b>1</o:b>', '<o:b>1</o:b>\n<o:b>2</o:b>'].map(
      (inside) => children(read(inside), 'b').length,
    );
    expect(found).toEqual([0, 1, 2]);
  });

  it('takes what stands for no value as none', () => {
    const element = read(
      '<n i:nil="true"/><e/><d>0001-01-01T00:00:00</d><i>-2147483648</i><l>-9223372036854775808</l>',
    );
    expect(isNil(element, 'n')).toBe(true);
    expect([text(element, 'n'), text(element, 'e'), text(element, 'missing')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect([instant(element, 'd'), day(element, 'd'), integer(element, 'i'), integer(element, 'l')]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('reads a time without a zone as UTC, and others as what they say', () => {
    const element = read('<a>2015-09-23T10:41:00</a><b>2015-09-23T10:41:00Z</b><c>2015-09-23T12:41:00+02:00</c>');
    for (const name of ['a', 'b', 'c']) expect(instant(element, name)).toBe('2015-09-23T10:41:00.000Z');
  });

  it('gives back every text it wrote', () => {
    for (const value of ['<&>"\'', ']]>', 'æøå 漢字 😀', ' a\n b ', '&amp;']) {
      expect(text(child(parseXml(buildXml({ a: { b: value, c: 'x' } })), 'a'), 'b')).toBe(value);
    }
    expect(boolean(read('<b>True</b>'), 'b')).toBe(true);
  });

  it('refuses what is not well-formed, what declares entities and what is too deep', () => {
    const bomb = '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>';
    for (const document of [
      '',
      'x',
      '<a>',
      '<a></b>',
      '<a>&x;</a>',
      '<p:a/>',
      bomb,
      `${'<a>'.repeat(70)}${'</a>'.repeat(70)}`,
    ]) {
      expect(() => parseXml(document)).toThrow(NotXml);
    }
  });
});
