import { globSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AirSync, codePageId, codePages, tagByName, tagName } from './code-pages/index.ts';
import { decodeWbxml } from './decode.ts';
import type { Element, Tag } from './element.ts';
import { libwbxmlDifferences, type OracleDifferences, tsharkDifferences } from './oracle-differences.ts';
import {
  decodeWithLibwbxml,
  decodeWithTshark,
  encodeWithLibwbxml,
  expectedTokens,
  isInstalled,
  libwbxml,
  libwbxmlVersion,
  type NamedElement,
  type Oracle,
  tshark,
  tsharkVersion,
} from './oracle-tools.ts';
import { plain } from './tree.arbitrary.ts';
import { encodeTree, Writer } from './writer.ts';

const everyTag: Tag[] = codePages.flatMap((page) =>
  Array.from({ length: 0x3f - 0x04 }, (_, index) => (page[codePageId].number << 8) | (0x05 + index)),
);
const knownTags = new Set(codePages.flatMap((page) => Object.values<Tag>(page)));

const goldenDirectory = new URL('../../../test/wire/', import.meta.url).pathname;
const goldens = globSync('specification/**/*.wbxml', { cwd: goldenDirectory }).sort();
const golden = (name: string): Buffer => readFileSync(`${goldenDirectory}${name}`);

function decoded(bytes: Uint8Array): Element {
  const result = decodeWbxml(bytes);
  if (!result.ok) throw new Error(`${result.reason} at ${result.offset}`);
  return result.root;
}

/** Trees an oracle can show: of the given tags, and with text its output does not change. */
function trees(tags: readonly Tag[], numRuns: number): Element[] {
  const text = fc.string({ unit: fc.constantFrom(...'abcXYZ 0189+.,:@åøæ日😀'), minLength: 1, maxLength: 20 });
  const visible = text.map((characters) => `<${characters}>`);
  const tag = fc.constantFrom(...tags);
  const { tree } = fc.letrec<{ tree: Element }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small', maxDepth: 5 },
      fc.record({ tag, children: fc.constant([]), text: fc.option(visible, { nil: '' }) }),
      fc.record({ tag, children: fc.array(tie('tree'), { minLength: 1, maxLength: 4 }), text: fc.constant('') }),
    ),
  }));
  const root = fc.record({
    tag: fc.constant(AirSync.Sync),
    children: fc.array(tree, { maxLength: 4 }),
    text: fc.constant(''),
  });
  return fc.sample(root, { numRuns, seed: 1601 });
}

/** The differences between the names an oracle gives to every tag and ours. */
function differencesOf(nameOf: (tag: Tag) => string | undefined): Omit<OracleDifferences, 'version'> {
  const lacks: Record<string, string[]> = {};
  const renames: Record<string, string> = {};
  const adds: Record<string, string> = {};
  for (const tag of everyTag) {
    const ours = tagName(tag);
    const [page = '', local = ''] = ours.split(':');
    const theirs = nameOf(tag);
    if (!knownTags.has(tag)) {
      if (theirs !== undefined) adds[ours] = theirs;
    } else if (theirs === undefined) {
      lacks[page] ??= [];
      lacks[page].push(local);
    } else if (theirs !== local) renames[ours] = theirs;
  }
  return { lacks, renames, adds };
}

function expandAll({ lacks, renames, adds }: OracleDifferences): Omit<OracleDifferences, 'version'> {
  const pages = new Map<string, readonly string[]>(codePages.map((page) => [page[codePageId].name, Object.keys(page)]));
  const expanded = Object.entries(lacks).map(([page, names]) => [page, names === 'all' ? pages.get(page) : names]);
  return { lacks: Object.fromEntries(expanded), renames, adds };
}

/** Exact for the version the list was made with; a newer one may have filled gaps, but may not differ in new places. */
function expectDifferences(found: Omit<OracleDifferences, 'version'>, list: OracleDifferences, version: string): void {
  const listed = expandAll(list);
  if (version === list.version) {
    expect(found).toEqual(listed);
    return;
  }
  for (const [page, names] of Object.entries(found.lacks))
    expect(listed.lacks[page]).toEqual(expect.arrayContaining([...names]));
  for (const [tag, name] of Object.entries(found.renames)) expect(listed.renames[tag]).toBe(name);
}

/** Tests against an oracle. Without it they are skipped, saying what to install; in CI its absence is a failure. */
function describeWith(oracle: Oracle, suite: () => void): void {
  const present = isInstalled(oracle);
  const hint = `needs ${oracle.commands.join(' and ')}: apt-get install ${oracle.debianPackage}`;
  describe.skipIf(!present)(present ? `with ${oracle.debianPackage}` : `SKIPPED, ${hint}`, suite);
  if (present) return;
  if (process.env.CI === 'true') it(hint, () => expect.unreachable(hint));
  else console.warn(`WBXML oracle tests skipped: ${hint}`);
}

describeWith(tshark, () => {
  it('our tables and its tables differ exactly where listed', () => {
    const documents = codePages.map((page) => {
      const writer = new Writer().open(AirSync.Sync);
      for (const tag of everyTag) if (tag >> 8 === page[codePageId].number) writer.empty(tag);
      return writer.close().finish();
    });
    const names = decodeWithTshark(documents).flatMap((reading) => reading.names.slice(1));
    expect(names).toHaveLength(everyTag.length);
    const nameByTag = new Map(everyTag.map((tag, index) => [tag, names[index]]));
    expectDifferences(
      differencesOf((tag) => nameByTag.get(tag)),
      tsharkDifferences,
      tsharkVersion(),
    );
  });

  it('reads the golden documents as we do', () => {
    const readings = decodeWithTshark(goldens.map(golden));
    expect(readings.map(({ tokens }) => tokens)).toEqual(goldens.map((name) => expectedTokens(decoded(golden(name)))));
  });

  it('reads what we write', () => {
    const samples = trees(everyTag, 60);
    const readings = decodeWithTshark(samples.map(encodeTree));
    expect(readings.map(({ tokens }) => tokens)).toEqual(samples.map(expectedTokens));
  });
});

describeWith(libwbxml, () => {
  /** It converts the content of these between opaque data and base64, so their text is not comparable. */
  const converted = new Set(
    [
      'ResolveRecipients:Data',
      'Search:ConversationId',
      'GAL:Data',
      'AirSyncBase:Content',
      'ItemOperations:ConversationId',
    ]
      .concat(['ComposeMail:Mime', 'Email2:ConversationId', 'Email2:ConversationIndex'])
      .map((name) => tagByName(name)),
  );
  const { lacks, renames, adds } = expandAll(libwbxmlDifferences);
  const comparable = everyTag.filter((tag) => {
    const [page = '', local = ''] = tagName(tag).split(':');
    const theirs = knownTags.has(tag) && !lacks[page]?.includes(local);
    return (theirs || tagName(tag) in adds) && !converted.has(tag);
  });

  function named(element: Element): NamedElement {
    const ours = tagName(element.tag);
    const [page = '', local = ''] = ours.split(':');
    const namespace = `${page === 'GAL' ? 'Gal' : page}:`;
    const name = renames[ours] ?? adds[ours] ?? local;
    // It writes a carriage return as it is, and XML ends lines with a line feed.
    const text = element.text.replaceAll('\r\n', '\n');
    return { namespace, name, text, children: element.children.map(named) };
  }

  const tagsOf = (element: Element): Tag[] => [element.tag, ...element.children.flatMap(tagsOf)];
  const reachable = goldens.filter((name) => tagsOf(decoded(golden(name))).every((tag) => comparable.includes(tag)));

  it('our tables and its tables differ exactly where listed', () => {
    const writer = new Writer().open(AirSync.Sync);
    for (const tag of everyTag) writer.empty(tag);
    const { children } = decodeWithLibwbxml(writer.close().finish());
    expect(children).toHaveLength(everyTag.length);
    const nameByTag = new Map(everyTag.map((tag, index) => [tag, children[index]!.name]));
    const nameOf = (tag: Tag) => (nameByTag.get(tag) === 'unknown' ? undefined : nameByTag.get(tag));
    expectDifferences(differencesOf(nameOf), libwbxmlDifferences, libwbxmlVersion());
  });

  it('converts the text of the elements left out, and of no others', () => {
    const tags = everyTag.filter((tag) => knownTags.has(tag) && (comparable.includes(tag) || converted.has(tag)));
    const writer = new Writer().open(AirSync.Sync);
    for (const tag of tags) writer.element(tag, 'a-b');
    const { children } = decodeWithLibwbxml(writer.close().finish());
    expect(new Set(tags.filter((_, index) => children[index]!.text !== 'a-b'))).toEqual(converted);
  });

  it.each(reachable)('reads the golden document %s as we do', (name) => {
    expect(decodeWithLibwbxml(golden(name))).toEqual(named(decoded(golden(name))));
  });

  it('reaches all golden documents but those of 16.1 and of mail', () => {
    expect(goldens.filter((name) => !reachable.includes(name))).toEqual([
      'specification/find-people/request.wbxml',
      'specification/send-mail/request.wbxml',
    ]);
  });

  it('reads what we write', () => {
    const samples = trees(comparable, 25);
    expect(samples.map((tree) => decodeWithLibwbxml(encodeTree(tree)))).toEqual(samples.map(named));
  });

  it.each([false, true])('writes what we read (with a string table: %s)', (withStringTable) => {
    for (const tree of trees(comparable, 25)) {
      expect(plain(decoded(encodeWithLibwbxml(named(tree), withStringTable)))).toEqual(plain(tree));
    }
  });
});
