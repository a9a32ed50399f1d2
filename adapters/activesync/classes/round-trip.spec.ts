import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fields } from '../../../domain/item/fields.ts';
import type { TimeZoneName } from '../../../domain/shared/ids.ts';
import { contactFieldsArbitrary } from '../../../test/arbitraries/contact.ts';
import { noteFieldsArbitrary } from '../../../test/arbitraries/note.ts';
import { taskFieldsArbitrary } from '../../../test/arbitraries/task.ts';
import { type ProtocolVersion, protocolVersions } from '../version.ts';
import { AirSync, codePages } from '../wbxml/code-pages/index.ts';
import { decodeWbxml } from '../wbxml/decode.ts';
import type { Element, Tag } from '../wbxml/element.ts';
import { Writer } from '../wbxml/writer.ts';
import { contactsClass } from './contacts/contacts-class.ts';
import { notesClass } from './notes/notes-class.ts';
import type { BodyPreference, ItemClass, ParseContext, RenderContext } from './port.ts';
import { tasksClass } from './tasks/tasks-class.ts';

const version = fc.constantFrom(...protocolVersions);
const zone = fc.constantFrom(
  ...[
    'Europe/Oslo',
    'UTC',
    'Pacific/Kiritimati',
    'Pacific/Auckland',
    'Pacific/Niue',
    'America/St_Johns',
    'Asia/Kolkata',
  ],
);
const everyType: readonly BodyPreference[] = [{ type: 1 }, { type: 2 }, { type: 3 }];

function renderContext(at: ProtocolVersion, timeZone: string, bodyPreferences = everyType): RenderContext {
  return { version: at, bodyPreferences, email: 'kari@example.no', timeZone: timeZone as TimeZoneName };
}

function parseContext(render: RenderContext, known?: Fields): ParseContext {
  const { version, timeZone, email, bodyPreferences } = render;
  const operation = known ? 'change' : 'add';
  return { version, operation, supported: null, timeZone, email, known, bodyPreferences };
}

function encode(itemClass: ItemClass, fields: Fields, context: RenderContext): Buffer {
  const writer = new Writer();
  writer.open(AirSync.ApplicationData);
  itemClass.render(writer, fields, context);
  return writer.close().finish();
}

function decode(bytes: Buffer): Element {
  const decoded = decodeWbxml(bytes);
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.root;
}

function added(itemClass: ItemClass, bytes: Buffer, context: RenderContext): Fields {
  const parsed = itemClass.parse(decode(bytes), parseContext(context));
  if (parsed.kind === 'refused') throw new Error(parsed.reason);
  expect(parsed.patch.cleared).toEqual([]);
  return parsed.patch.set;
}

const classes: readonly {
  itemClass: ItemClass;
  fields: fc.Arbitrary<Fields>;
  lost: (at: number) => readonly string[];
}[] = [
  {
    itemClass: contactsClass as unknown as ItemClass,
    fields: contactFieldsArbitrary,
    lost: (at) => (at < 140 ? ['weightedRank'] : []),
  },
  { itemClass: tasksClass as unknown as ItemClass, fields: taskFieldsArbitrary, lost: () => ['recurrence'] },
  { itemClass: notesClass as unknown as ItemClass, fields: noteFieldsArbitrary, lost: () => [] },
];

for (const { itemClass, fields, lost } of classes) {
  describe(`${itemClass.name} on the wire`, () => {
    it('come back as they were when a device adds what it was shown, in every version and zone', () => {
      fc.assert(
        fc.property(fields, version, zone, (item, at, timeZone) => {
          const context = renderContext(at, timeZone);
          const back = added(itemClass, encode(itemClass, item, context), context);
          for (const [field, value] of Object.entries(item)) {
            if (!lost(at).includes(field)) expect(back[field], field).toEqual(value);
          }
        }),
      );
    });

    it('look the same when rendered a second time from what came back', () => {
      fc.assert(
        fc.property(fields, version, zone, (item, at, timeZone) => {
          const context = renderContext(at, timeZone);
          const bytes = encode(itemClass, item, context);
          expect(encode(itemClass, added(itemClass, bytes, context), context).equals(bytes)).toBe(true);
        }),
      );
    });

    it('say no change when a device sends back the whole of what it was shown', () => {
      fc.assert(
        fc.property(
          fields,
          version,
          zone,
          fc.constantFrom<readonly BodyPreference[]>(
            everyType,
            [],
            [{ type: 1, truncationSize: 5 }],
            [{ type: 2, truncationSize: 0 }],
            [{ type: 2 }],
            [{ type: 1, truncationSize: 4, allOrNone: true }],
          ),
          (item, at, timeZone, bodyPreferences) => {
            const context = renderContext(at, timeZone, bodyPreferences);
            const root = decode(encode(itemClass, item, context));
            const parsed = itemClass.parse(root, parseContext(context, item));
            expect(parsed).toEqual({ kind: 'parsed', patch: { set: {}, cleared: [] } });
          },
        ),
        { numRuns: 300 },
      );
    });

    it('are parsed or refused, never thrown on, whatever tree a client sends', () => {
      const tag = fc.constantFrom<Tag[]>(...codePages.flatMap((page) => Object.values(page)), 0x6320);
      const text = fc.oneof(
        fc.string(),
        fc.constantFrom('', '1', '0', '-1', '9999999999999', '2026-03-29T01:00:00.000Z', '9999-12-31T23:59:59Z'),
        fc.constantFrom('0001-01-01T00:00:00Z', '20260230T250000Z', 'AAAA', 'NaN', '1e999', '\uD800'),
      );
      const opaque = fc.option(fc.uint8Array({ maxLength: 20 }), { nil: undefined });
      const over = (children: fc.Arbitrary<Element[]>): fc.Arbitrary<Element> =>
        fc.record({ tag, text, opaque, children }) as fc.Arbitrary<Element>;
      const leaf = over(fc.constant([]));
      const branch = over(fc.array(leaf, { maxLength: 8 }));
      const tree = over(fc.array(fc.oneof(leaf, branch), { maxLength: 20 }));
      fc.assert(
        fc.property(tree, fields, version, fc.boolean(), zone, (root, item, at, isChange, timeZone) => {
          const context = parseContext(renderContext(at, timeZone), isChange ? item : undefined);
          expect(['parsed', 'refused']).toContain(itemClass.parse(root, context).kind);
        }),
        { numRuns: 500 },
      );
    });

    it('are parsed or refused when the values of a real item are mangled', () => {
      fc.assert(
        fc.property(fields, version, fc.func(fc.option(fc.string(), { nil: undefined })), (item, at, mangle) => {
          const context = renderContext(at, 'Europe/Oslo');
          const mangled = (element: Element): Element => ({
            ...element,
            text: mangle(element.tag, element.text) ?? element.text,
            children: element.children.map(mangled),
          });
          const root = mangled(decode(encode(itemClass, item, context)));
          const parsed = itemClass.parse(root, parseContext(context, item));
          if (parsed.kind === 'refused') expect(parsed.status).toBe(6);
        }),
      );
    });
  });
}
