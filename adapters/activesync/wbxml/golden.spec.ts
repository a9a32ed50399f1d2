import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeWbxml } from './decode.ts';
import { formatXml } from './format.ts';
import { encodeTree } from './writer.ts';
import { parseXmlTwin } from './xml-twin.ts';

// test/wire/specification was assembled byte by byte from the token tables of MS-ASWBXML, not with this encoder.
const directory = new URL('../../../test/wire/', import.meta.url).pathname;
const names = globSync('specification/**/*.wbxml', { cwd: directory }).map((file) => file.replace(/\.wbxml$/, ''));

describe('golden documents', () => {
  it('are there', () => {
    expect(names.length).toBeGreaterThanOrEqual(15);
  });

  it.each(names.sort())('%s reads as its twin and is written again byte for byte', (name) => {
    const wbxml = readFileSync(`${directory}${name}.wbxml`);
    const twin = readFileSync(`${directory}${name}.xml`, 'utf8');
    const result = decodeWbxml(wbxml);
    expect(result.ok && `${formatXml(result.root)}\n`).toBe(twin);
    expect(encodeTree(parseXmlTwin(twin)).toString('hex')).toBe(wbxml.toString('hex'));
  });
});
