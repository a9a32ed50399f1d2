import { describe, expect, it } from 'vitest';
import type { Tag } from '../../wbxml/element.ts';
import { type AbsenceContext, type AbsenceRule, clearedByAbsence } from './ghosting.ts';

const phone: Tag = 0x105;
const title: Tag = 0x106;
const picture: Tag = 0x107;
const startLocal: Tag = 0x108;
const startUtc: Tag = 0x109;

const contacts: AbsenceRule = {
  tags: new Map([
    [phone, 'phone'],
    [title, 'title'],
    [picture, 'photo'],
    [startLocal, 'start'],
    [startUtc, 'start'],
  ]),
  ghostable: true,
  keptFrom160: false,
  keptWhenAbsent: new Set([picture]),
};
const calendar: AbsenceRule = { ...contacts, keptFrom160: true };
const tasks: AbsenceRule = { ...contacts, ghostable: false };

const change = (given: Partial<AbsenceContext> = {}): AbsenceContext => ({
  version: 141,
  operation: 'change',
  supported: null,
  ...given,
});

describe('a property that a device leaves out', () => {
  it('of a device that never sent Supported is kept to 14.1, and cleared from 16.0', () => {
    expect(clearedByAbsence(new Set([phone]), change(), contacts)).toEqual([]);
    expect(clearedByAbsence(new Set([phone]), change({ version: 160 }), contacts)).toEqual(['title', 'start']);
  });

  it('is kept when Supported does not name it, and cleared when it does', () => {
    const context = change({ supported: new Set([title, phone]) });
    expect(clearedByAbsence(new Set([phone]), context, contacts)).toEqual(['title']);
  });

  it('is kept when Supported was empty', () => {
    expect(clearedByAbsence(new Set(), change({ supported: new Set() }), contacts)).toEqual([]);
  });

  it('is never cleared by an Add', () => {
    expect(clearedByAbsence(new Set(), change({ operation: 'add' }), contacts)).toEqual([]);
  });

  it('is kept when it is a body or a picture', () => {
    expect(clearedByAbsence(new Set([phone, title, startUtc]), change(), contacts)).toEqual([]);
  });

  it('is kept in Calendar from 16.0, and cleared in Contacts still', () => {
    for (const version of [160, 161] as const) {
      expect(clearedByAbsence(new Set(), change({ version }), calendar)).toEqual([]);
      expect(clearedByAbsence(new Set([title, startLocal]), change({ version }), contacts)).toEqual(['phone']);
    }
    const supported = new Set([title, phone]);
    expect(clearedByAbsence(new Set([title, startLocal]), change({ supported }), calendar)).toEqual(['phone']);
  });

  it('is cleared in classes that know no ghosts, whatever Supported said', () => {
    const context = change({ version: 160, supported: new Set() });
    expect(clearedByAbsence(new Set([title, startLocal]), context, tasks)).toEqual(['phone']);
  });

  it('is not cleared while another element speaks of the same field', () => {
    expect(clearedByAbsence(new Set([startUtc]), change({ version: 160 }), contacts)).toEqual(['phone', 'title']);
  });

  it('cannot be cleared when the device never had it', () => {
    expect(clearedByAbsence(new Set(), change({ version: 160, known: { title: 'Dr' } }), contacts)).toEqual(['title']);
  });
});
