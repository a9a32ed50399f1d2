import { describe, expect, it } from 'vitest';
import { AirSync, AirSyncBase, codePageId, codePages, Find, GAL, tagByName, tagName } from './index.ts';

describe('the code pages', () => {
  it('number their tags by page and token', () => {
    expect(AirSync.Sync).toBe(0x0005);
    expect(AirSyncBase.InstanceId).toBe(0x112d);
    expect(Find.Picture).toBe(0x1922);
  });

  it('stand at the index that is their number, from 0 to 25', () => {
    expect(codePages).toHaveLength(26);
    for (const [index, page] of codePages.entries()) {
      expect(page[codePageId].number).toBe(index);
      for (const tag of Object.values<number>(page)) expect(tag >> 8).toBe(index);
    }
  });

  it('name every tag in both directions', () => {
    for (const page of codePages) {
      for (const [local, tag] of Object.entries<number>(page)) {
        expect(tagName(tag)).toBe(`${page[codePageId].name}:${local}`);
        expect(tagByName(tagName(tag))).toBe(tag);
      }
    }
    expect(tagName(GAL.Data)).toBe('GAL:Data');
  });

  it('name a tag nobody defined by its numbers, in both directions', () => {
    expect(tagName(0x003f)).toBe('AirSync:0x3F');
    expect(tagName((99 << 8) | 0x05)).toBe('Page99:0x05');
    for (let page = 0; page <= 0xff; page++) {
      for (let token = 0x05; token <= 0x3f; token++) {
        expect(tagByName(tagName((page << 8) | token))).toBe((page << 8) | token);
      }
    }
  });

  it.each(['AirSync:Nothing', 'AirSync', 'Page256:0x05', 'Page01:0x05', 'Ping:0x40', 'Ping:0x04', ''])(
    'give no tag for the name "%s"',
    (name) => expect(tagByName(name)).toBeUndefined(),
  );
});
