import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Body } from '../../../domain/item/fields.ts';
import type { ProtocolVersion } from '../version.ts';
import { AirSync, AirSyncBase } from '../wbxml/code-pages/index.ts';
import { decodeWbxml } from '../wbxml/decode.ts';
import { child, type Element, textOf } from '../wbxml/element.ts';
import { Writer } from '../wbxml/writer.ts';
import {
  htmlToText,
  maxBodyBytes,
  parseBody,
  reconcileBody,
  renderBody,
  renderNativeBodyType,
  textToHtml,
} from './body.ts';
import { comparable, truncateHtml, truncateUtf8 } from './body-text.ts';
import type { BodyPreference } from './port.ts';

const text = (content: string): Body => ({ type: 'text', content });
const html = (content: string): Body => ({ type: 'html', content });

function applicationData(write: (writer: Writer) => void): Element {
  const writer = new Writer();
  writer.open(AirSync.ApplicationData).empty(AirSync.Status);
  write(writer);
  const decoded = decodeWbxml(writer.close().finish());
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.root;
}

interface Shown {
  type?: string;
  size?: string;
  truncated?: string;
  data?: string;
  preview?: string;
}

function shown(
  body: Body | undefined,
  bodyPreferences: readonly BodyPreference[],
  version: ProtocolVersion = 141,
): Shown {
  const root = applicationData((writer) => renderBody(writer, body, { version, bodyPreferences }));
  const element = child(root, AirSyncBase.Body);
  if (!element) throw new Error('no Body');
  return {
    type: textOf(element, AirSyncBase.Type),
    size: textOf(element, AirSyncBase.EstimatedDataSize),
    truncated: textOf(element, AirSyncBase.Truncated),
    data: textOf(element, AirSyncBase.Data),
    preview: textOf(element, AirSyncBase.Preview),
  };
}

describe('a body on the way to a device', () => {
  it('is plain text when the device names no preference', () => {
    expect(shown(html('<p>God <b>dag</b></p>'), [])).toMatchObject({ type: '1', data: 'God dag', size: '7' });
  });

  it('keeps its own type when that is among those asked for, whatever their order', () => {
    const both: BodyPreference[] = [{ type: 1 }, { type: 2 }];
    expect(shown(html('<p>a</p>'), both)).toMatchObject({ type: '2', data: '<p>a</p>' });
    expect(shown(text('a'), both.toReversed())).toMatchObject({ type: '1', data: 'a' });
  });

  it('is shown as HTML that says the same when only HTML was asked for', () => {
    const { type, data } = shown(text('1 < 2 & "x"\n  to'), [{ type: 2 }]);
    expect(type).toBe('2');
    expect(data).not.toContain('1 < 2');
    expect(comparable(htmlToText(data ?? ''))).toBe('1 < 2 & "x" to');
  });

  it('is empty, not left out, when there is none: a device would keep what it has', () => {
    expect(shown(undefined, [{ type: 2, truncationSize: 100 }])).toEqual({ type: '2', size: '0', data: '' });
  });

  it('tells its whole size when it is truncated', () => {
    const body = text('ø'.repeat(100));
    expect(shown(body, [{ type: 1, truncationSize: 51 }])).toMatchObject({
      size: '200',
      truncated: '1',
      data: 'ø'.repeat(25),
    });
    expect(shown(body, [{ type: 1, truncationSize: 200 }]).truncated).toBeUndefined();
    expect(shown(body, [{ type: 1, truncationSize: 0 }])).toEqual({ type: '1', size: '200', truncated: '1' });
    expect(shown(body, [{ type: 1, truncationSize: 4_294_967_295 }]).data).toBe('ø'.repeat(100));
  });

  it('is passed over, not cut, under AllOrNone, for the next type that fits', () => {
    const rich = html(`<p style="${'x'.repeat(500)}">short</p>`);
    const htmlWhole: BodyPreference = { type: 2, truncationSize: 100, allOrNone: true };
    expect(shown(rich, [htmlWhole, { type: 1, truncationSize: 100 }])).toMatchObject({ type: '1', data: 'short' });
    expect(shown(rich, [htmlWhole])).toEqual({ type: '2', size: '521', truncated: '1' });
  });

  it('has a preview from 14.0 on, unless the text itself is there', () => {
    const body = html('<p>first\n line</p><p>second</p>');
    const preference: BodyPreference = { type: 2, truncationSize: 0, preview: 8 };
    expect(shown(body, [preference]).preview).toBe('first li');
    expect(shown(body, [preference], 121).preview).toBeUndefined();
    expect(shown(text('abc'), [{ type: 1, preview: 8 }]).preview).toBeUndefined();
    expect(shown(text('a😀b'), [{ type: 1, truncationSize: 0, preview: 2 }]).preview).toBe('a');
  });

  it('stays RTF or is not shown at all', () => {
    const body: Body = { type: 'rtf', content: 'e1xydGYxfQ==' };
    expect(shown(body, [{ type: 1 }, { type: 3 }])).toMatchObject({ type: '3', data: 'e1xydGYxfQ==' });
    expect(shown(body, [{ type: 1 }])).toEqual({ type: '1', size: '12', truncated: '1' });
    expect(shown(body, [{ type: 3, truncationSize: 5 }])).toEqual({ type: '3', size: '12', truncated: '1' });
  });

  it('says that something is missing when its content was left in the blob store', () => {
    expect(shown({ type: 'html', blob: 'f'.repeat(64), size: 99_999 }, [{ type: 1 }])).toEqual({
      type: '2',
      size: '99999',
      truncated: '1',
    });
  });

  it('tells in which form it is kept', () => {
    const root = applicationData((writer) => renderNativeBodyType(writer, html('x')));
    expect(textOf(root, AirSyncBase.NativeBodyType)).toBe('2');
    expect(
      child(
        applicationData((writer) => renderNativeBodyType(writer, undefined)),
        AirSyncBase.NativeBodyType,
      ),
    ).toBe(undefined);
  });

  it('never holds more than its limit', () => {
    const { data, truncated } = shown(text('é'.repeat(maxBodyBytes)), [{ type: 1 }]);
    expect(Buffer.byteLength(data ?? '')).toBe(maxBodyBytes);
    expect(truncated).toBe('1');
  });
});

describe('truncation', () => {
  const anything = fc.string({ unit: 'binary', maxLength: 200 });

  it('is the longest head of whole characters that fits', () => {
    fc.assert(
      fc.property(anything, fc.nat(300), (whole, maxBytes) => {
        const head = truncateUtf8(whole, maxBytes);
        expect(whole.startsWith(head)).toBe(true);
        expect(Buffer.byteLength(head)).toBeLessThanOrEqual(maxBytes);
        const next = String.fromCodePoint(whole.codePointAt(head.length) ?? 0);
        if (head !== whole) expect(Buffer.byteLength(head + next)).toBeGreaterThan(maxBytes);
      }),
    );
  });

  it('cuts no tag and no entity in two', () => {
    const whole = '<p>fish &amp; <b class="x">chips</b></p>';
    for (let size = 0; size <= whole.length; size++) {
      expect(truncateHtml(whole, size)).not.toMatch(/<[^>]*$|&[a-z]*$/);
    }
  });
});

describe('a body on the way from a device', () => {
  const sent = (write: (writer: Writer) => void) =>
    parseBody(
      applicationData((writer) => {
        writer.open(AirSyncBase.Body);
        write(writer);
        writer.close();
      }),
    );

  it('says nothing when it is absent, and clears when it is empty', () => {
    expect(parseBody(applicationData(() => {}))).toBeUndefined();
    expect(sent((writer) => writer.element(AirSyncBase.Type, '1').empty(AirSyncBase.Data))).toBe('clear');
    expect(sent((writer) => writer.element(AirSyncBase.Type, '1'))).toBe('clear');
  });

  it('says nothing when it is but told to be truncated', () => {
    expect(sent((writer) => writer.element(AirSyncBase.Type, '1').element(AirSyncBase.Truncated, '1'))).toBeUndefined();
  });

  it('is kept in its type, RTF in base64, text with LF', () => {
    expect(sent((writer) => writer.element(AirSyncBase.Type, '1').element(AirSyncBase.Data, 'a\r\nb'))).toEqual(
      text('a\nb'),
    );
    expect(sent((writer) => writer.element(AirSyncBase.Data, 'no type'))).toEqual(text('no type'));
    expect(sent((writer) => writer.element(AirSyncBase.Type, '2').element(AirSyncBase.Data, '<p/>'))).toEqual(
      html('<p/>'),
    );
    const rtf: Body = { type: 'rtf', content: 'e1xydGYxfQ==' };
    expect(
      sent((writer) => writer.element(AirSyncBase.Type, '3').element(AirSyncBase.Data, 'e1xyd\r\nGYxfQ==')),
    ).toEqual(rtf);
    expect(
      sent((writer) => writer.element(AirSyncBase.Type, '3').opaque(AirSyncBase.Data, Buffer.from('{\\rtf1}'))),
    ).toEqual(rtf);
  });

  it('is refused when it is too large or MIME', () => {
    const large = 'x'.repeat(maxBodyBytes + 1);
    const data = { tag: AirSyncBase.Data, children: [], text: large };
    const root = {
      tag: AirSync.ApplicationData,
      text: '',
      children: [{ tag: AirSyncBase.Body, text: '', children: [data] }],
    };
    expect(parseBody(root)).toBe('refused');
    expect(sent((writer) => writer.element(AirSyncBase.Type, '4').element(AirSyncBase.Data, 'MIME-Version: 1.0'))).toBe(
      'refused',
    );
  });
});

describe('a device that knows less of a body than we do', () => {
  const original = html('<p>Dear <b>Kari</b>,</p><ul><li>one</li><li>two &amp; three</li></ul>');
  const asText: BodyPreference[] = [{ type: 1 }];

  it('does not turn HTML into text by sending back the text it was shown', () => {
    const { data = '' } = shown(original, asText);
    expect(reconcileBody(original, text(data), { bodyPreferences: asText })).toBe(original);
    expect(reconcileBody(original, text(`${data.replaceAll('\n', '\r\n')}\r\n`), {})).toBe(original);
  });

  it('does change the text when it changed the text', () => {
    const changed = text('Dear Kari, one');
    expect(reconcileBody(original, changed, { bodyPreferences: asText })).toBe(changed);
    const bold = html('<p>Dear Kari,</p>');
    expect(reconcileBody(original, bold, {})).toBe(bold);
  });

  it('does not turn text into HTML by sending back the HTML it was shown, however its editor dressed it', () => {
    const known = text('God dag,\n  hilsen  <Ola>');
    expect(
      reconcileBody(known, html(textToHtml('God dag,\n  hilsen  <Ola>')), { bodyPreferences: [{ type: 2 }] }),
    ).toBe(known);
    const dressed = html('<div>God dag,</div><div>&nbsp; hilsen &nbsp;&lt;Ola&gt;</div>');
    expect(reconcileBody(known, dressed, { bodyPreferences: [{ type: 2 }] })).toBe(known);
  });

  it('never puts the head it was shown in the place of the whole', () => {
    fc.assert(
      fc.property(
        fc
          .string({ unit: 'grapheme', minLength: 1, maxLength: 80 })
          .filter((of) => of.isWellFormed() && !of.includes('\0')),
        fc.constantFrom('text', 'html' as const),
        fc.constantFrom(1, 2 as const),
        fc.nat(100),
        (content, native, type, truncationSize) => {
          const known = { type: native, content } as Body;
          const bodyPreferences: BodyPreference[] = [{ type: type as 1 | 2, truncationSize }];
          const { data = '' } = shown(known, bodyPreferences);
          const back = data === '' ? 'clear' : ({ type: type === 2 ? 'html' : 'text', content: data } as Body);
          expect(reconcileBody(known, back, { bodyPreferences })).toBe(known);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('does shorten a body that it was shown whole', () => {
    const head = text('one');
    expect(reconcileBody(text('one two three'), head, { bodyPreferences: asText })).toBe(head);
  });

  it('clears a body only when it was shown some of it', () => {
    expect(reconcileBody(text('abc'), 'clear', { bodyPreferences: [{ type: 1, truncationSize: 0 }] })).toEqual(
      text('abc'),
    );
    expect(reconcileBody(text('abc'), 'clear', { bodyPreferences: asText })).toBe('clear');
  });

  it('is known by the length of what it sends when the content lies in the blob store', () => {
    const known: Body = { type: 'text', blob: 'a'.repeat(64), size: 90_000 };
    const bodyPreferences: BodyPreference[] = [{ type: 1, truncationSize: 1000 }];
    expect(reconcileBody(known, text('x'.repeat(1000)), { bodyPreferences })).toBe(known);
    const written = text('x'.repeat(700));
    expect(reconcileBody(known, written, { bodyPreferences })).toBe(written);
  });
});

describe('HTML that wants to do harm', () => {
  it('costs a bounded time, however deep, wide or broken', () => {
    const bombs = [
      '<div>'.repeat(200_000),
      '<b>'.repeat(100_000) + '</x>'.repeat(100_000),
      '<table><tr><td>'.repeat(60_000),
      `<a ${'x=1 '.repeat(200_000)}`,
      '<'.repeat(1_000_000),
      '&amp;'.repeat(200_000),
      '<div>'.repeat(19_000),
      '<!--'.repeat(200_000),
    ];
    for (const bomb of bombs) {
      const started = performance.now();
      expect(htmlToText(bomb).length).toBeLessThanOrEqual(bomb.length);
      shown(html(bomb), [{ type: 1, truncationSize: 1000, preview: 100 }]);
      expect(performance.now() - started).toBeLessThan(3000);
    }
  });

  it('keeps its words when its tags are too many for a tree', () => {
    const wide = `<p>first &amp; foremost</p>${'<br>'.repeat(30_000)}<p>last</p>`;
    expect(htmlToText(wide)).toBe('first & foremost last');
  });
});
