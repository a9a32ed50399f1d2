import { describe, expect, it } from 'vitest';
import type { ConflictRule } from '../conflict/merge.ts';
import { difference } from '../conflict/paths.ts';
import type { Fields, ItemKind } from '../item/fields.ts';
import { mergeOffice } from './merge.ts';

/** The office here holds every field but `photo`. */
const inOffice = ({ photo: _, ...held }: Fields): Fields => held;
const merge = (kind: ItemKind, base: Fields, office: Fields, item: Fields, rule: ConflictRule = 'clientWins') => {
  const { photo } = item;
  const toOffice = difference(item, photo === undefined ? office : { ...office, photo });
  return mergeOffice({ kind, base, office, ours: inOffice(item), item, toOffice, rule });
};
const none = { set: {}, cleared: [] };

describe('what the office changed', () => {
  it('comes in, and what only we hold stays', () => {
    const result = merge(
      'contact',
      { company: 'A', mobilePhone: '1' },
      { company: 'B' },
      { company: 'A', mobilePhone: '1', photo: 'x' },
    );
    expect(result).toEqual({ delta: { set: { company: 'B' }, cleared: ['mobilePhone'] }, contested: [], lost: none });
  });

  it('leaves alone what waits to be sent', () => {
    const result = merge('contact', { company: 'A' }, { company: 'B' }, { company: 'A', mobilePhone: '2' });
    expect(result).toEqual({ delta: { set: { company: 'B' }, cleared: [] }, contested: [], lost: none });
  });

  it('is no conflict where both did the same', () => {
    const result = merge('contact', { company: 'A' }, { company: 'B' }, { company: 'B' });
    expect(result).toEqual({ delta: none, contested: [], lost: none });
  });

  it('wins over what waits to be sent, which is kept', () => {
    const result = merge('contact', { company: 'A' }, { company: 'B' }, { company: 'C' });
    const lost = { set: { company: 'C' }, cleared: [] };
    expect(result).toEqual({ delta: { set: { company: 'B' }, cleared: [] }, contested: ['company'], lost });
  });

  it('loses where the rule says so, and is kept', () => {
    const result = merge('contact', { company: 'A' }, { company: 'B', jobTitle: 'X' }, { company: 'C' }, 'serverWins');
    const lost = { set: { company: 'B' }, cleared: [] };
    expect(result).toEqual({ delta: { set: { jobTitle: 'X' }, cleared: [] }, contested: ['company'], lost });
  });

  it('wins whole where fields belong together', () => {
    const base = { start: '2026-01-05', due: '2026-01-06' };
    const result = merge('task', base, { ...base, due: '2026-01-09' }, { ...base, start: '2026-01-02' });
    expect(result.delta.set).toEqual({ start: '2026-01-05', due: '2026-01-09' });
    expect(result.lost.set).toEqual({ start: '2026-01-02', due: '2026-01-06' });
  });

  it('of one occurrence leaves the others alone', () => {
    const of = (exceptions: Fields): Fields => ({ subject: 'S', exceptions });
    const gone = { deleted: true };
    const moved = { changed: { subject: 'T' } };
    const result = merge('appointment', of({}), of({ a: gone }), of({ b: moved }));
    expect(result).toEqual({ delta: { set: { 'exceptions/a': gone }, cleared: [] }, contested: [], lost: none });
  });
});
