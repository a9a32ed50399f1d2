import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConflictRule } from '../conflict/merge.ts';
import { applyDelta, difference, equal, pathsOf } from '../conflict/paths.ts';
import type { Actor, DomainEvent } from '../shared/event.ts';
import type { AccountId, CollectionId, DeviceKey } from '../shared/ids.ts';
import { applyPatch, type Decision, decide, type ItemCommand, type PastEvent, sameActor } from './decide.ts';
import { type ItemEventData, itemEvent, itemEvents, parseItemType } from './events.ts';
import type { Fields, ItemKind, Patch } from './fields.ts';
import { fold, type ItemState } from './state.ts';

const account = 'kari' as AccountId;
const [folder, otherFolder] = ['calendar' as CollectionId, 'private' as CollectionId];
const phone: Actor = { kind: 'device', account, device: 'phone' as DeviceKey };
const tablet: Actor = { kind: 'device', account, device: 'tablet' as DeviceKey };
const office: Actor = { kind: 'office', account };
const rules: readonly ConflictRule[] = ['clientWins', 'serverWins'];

/** The past: what was done, and by whom. */
function given(...past: readonly (readonly [Actor, DomainEvent])[]): PastEvent[] {
  return past.map(([actor, { type, data }], revision) => ({ type, data, revision, actor }));
}
const after = (history: readonly PastEvent[], events: readonly DomainEvent[], actor: Actor): PastEvent[] =>
  history.concat(events.map(({ type, data }, index) => ({ type, data, revision: history.length + index, actor })));

const added = (kind: ItemKind, fields: Fields) =>
  itemEvent(kind, 'Added', { collection: folder, owner: account, fields });
const changed = (kind: ItemKind, set: Fields, cleared: string[] = [], base: number | null = null) =>
  itemEvent(kind, 'Changed', { base, set, cleared });
const removed = (kind: ItemKind) => itemEvent(kind, 'Removed', { base: null });
const change = (
  patch: Partial<Patch<Fields>>,
  base: number | null,
  rule: ConflictRule = 'serverWins',
): ItemCommand => ({
  do: 'change',
  base,
  rule,
  patch: { set: {}, cleared: [], ...patch },
});
const remove = (base: number | null, rule: ConflictRule = 'serverWins'): ItemCommand => ({ do: 'remove', base, rule });

const verbs = (decision: Decision) =>
  decision.kind === 'accepted' ? decision.events.map(({ type }) => parseItemType(type)?.verb) : decision.reason;
function kept(decision: Decision): ItemEventData['ConflictKept'] {
  const events = decision.kind === 'accepted' ? decision.events : [];
  const found = events.filter(({ type }) => parseItemType(type)?.verb === 'ConflictKept');
  expect(found).toHaveLength(1);
  return found[0]?.data as ItemEventData['ConflictKept'];
}
/** The fields after the decision. */
function result(history: readonly PastEvent[], decision: Decision, actor = phone) {
  if (decision.kind === 'refused') throw new Error(`refused: ${decision.reason}`);
  return fold(after(history, decision.events, actor)) as ItemState;
}

const astrid = { givenName: 'Astrid', familyName: 'Bråthen', company: 'Fjord AS', mobilePhone: '900' };
const meeting = { subject: 'Styremøte', start: '10', end: '11', timeZone: 'Europe/Oslo' };

describe('add', () => {
  const add: ItemCommand = { do: 'add', kind: 'contact', owner: account, collection: folder, fields: astrid };

  it('makes the item', () => {
    expect(decide([], add, phone)).toEqual({ kind: 'accepted', merged: false, events: [added('contact', astrid)] });
  });

  it('again does nothing, also when others changed the item since', () => {
    const history = given([phone, added('contact', astrid)], [office, changed('contact', { company: 'Fjell AS' })]);
    expect(decide(history, add, phone)).toEqual({ kind: 'accepted', events: [], merged: false });
  });

  it('of an item that was removed since is refused', () => {
    const history = given([phone, added('contact', astrid)], [office, removed('contact')]);
    expect(decide(history, add, phone)).toEqual({ kind: 'refused', reason: 'gone' });
  });
});

describe('a command on nothing', () => {
  it.each<ItemCommand>([change({ set: { a: 1 } }, null), remove(null), { do: 'move', to: otherFolder }])(
    '$do is refused',
    (command) => {
      expect(decide([], command, phone)).toEqual({ kind: 'refused', reason: 'unknown' });
    },
  );
});

describe('change', () => {
  const history = given([office, added('contact', astrid)]);

  it('stores what differs, and nothing of what was sent as it was', () => {
    const patch = { set: { ...astrid, company: 'Fjell AS' }, cleared: ['mobilePhone'] };
    expect(decide(history, change(patch, 0), phone)).toEqual({
      kind: 'accepted',
      merged: false,
      events: [changed('contact', { company: 'Fjell AS' }, ['mobilePhone'], 0)],
    });
  });

  it('to what is so already stores nothing', () => {
    expect(decide(history, change({ set: astrid }, 0), phone)).toEqual({ kind: 'accepted', events: [], merged: false });
  });

  it('without a base is about the item as it is, so it conflicts with nothing', () => {
    const past = [...history, ...after(history, [changed('contact', { company: 'Hav AS' })], office).slice(1)];
    const decision = decide(past, change({ set: { company: 'Fjell AS' } }, null), phone);
    expect(decision).toMatchObject({ merged: false, events: [{ data: { set: { company: 'Fjell AS' } } }] });
    expect(verbs(decision)).toEqual(['Changed']);
  });

  describe('when others changed the item meanwhile', () => {
    const theirs = given([office, added('contact', astrid)], [office, changed('contact', { company: 'Hav AS' })]);

    it.each(rules)('is merged when they changed other fields (%s)', (rule) => {
      const decision = decide(theirs, change({ set: { mobilePhone: '911' } }, 0, rule), phone);
      expect(verbs(decision)).toEqual(['Changed']);
      expect(decision).toMatchObject({ merged: true });
      expect(decision).not.toHaveProperty('conflict');
      expect(result(theirs, decision).fields).toEqual({ ...astrid, company: 'Hav AS', mobilePhone: '911' });
    });

    it('does not set back what a phone sends in full and did not change', () => {
      const decision = decide(theirs, change({ set: { ...astrid, mobilePhone: '911' } }, 0), phone);
      expect(verbs(decision)).toEqual(['Changed']);
      expect(result(theirs, decision).fields.company).toBe('Hav AS');
    });

    it('is no conflict with what was put back since to what the device knew', () => {
      const putBack = after(theirs, [changed('contact', { company: 'Fjord AS' })], office);
      for (const command of [change({ set: { company: 'Fjell AS' } }, 0), remove(0)]) {
        const decision = decide(putBack, command, phone);
        expect(decision).toMatchObject({ merged: false });
        expect(decision).not.toHaveProperty('conflict');
        expect(verbs(decision)).toEqual([command.do === 'remove' ? 'Removed' : 'Changed']);
      }
    });

    it('is no conflict when both changed it to the same', () => {
      const decision = decide(theirs, change({ set: { company: 'Hav AS' } }, 0), phone);
      expect(decision).toEqual({ kind: 'accepted', events: [], merged: false });
    });

    it('loses where the server wins, and is kept', () => {
      const decision = decide(theirs, change({ set: { company: 'Fjell AS', mobilePhone: '911' } }, 0), phone);
      expect(verbs(decision)).toEqual(['Changed', 'ConflictKept']);
      expect(decision).toMatchObject({ merged: true, conflict: 'client' });
      expect(result(theirs, decision).fields).toEqual({ ...astrid, company: 'Hav AS', mobilePhone: '911' });
      expect(kept(decision)).toEqual({
        base: 0,
        rule: 'serverWins',
        loser: 'client',
        contested: ['company'],
        lost: { set: { company: 'Fjell AS' }, cleared: [] },
      });
    });

    it('wins where the client wins, and theirs is kept', () => {
      const decision = decide(theirs, change({ set: { company: 'Fjell AS' } }, 0, 'clientWins'), phone);
      expect(decision).toMatchObject({ merged: false, conflict: 'server' });
      expect(result(theirs, decision).fields.company).toBe('Fjell AS');
      expect(kept(decision)).toMatchObject({ loser: 'server', lost: { set: { company: 'Hav AS' } } });
    });

    it('keeps a lost clearing as a clearing', () => {
      const decision = decide(theirs, change({ cleared: ['company'] }, 0), phone);
      expect(verbs(decision)).toEqual(['ConflictKept']);
      expect(kept(decision).lost).toEqual({ set: {}, cleared: ['company'] });
    });

    it('and this device itself later, only theirs conflicts', () => {
      const own = after(theirs, [changed('contact', { company: 'Fjell AS' })], phone);
      const decision = decide(own, change({ set: { company: 'Vidde AS' } }, 0), phone);
      expect(verbs(decision)).toEqual(['Changed']);
      const byTablet = decide(own, change({ set: { company: 'Vidde AS' } }, 0), tablet);
      expect(byTablet).toMatchObject({ conflict: 'client' });
    });

    it('knows what the device knew: nothing before its base conflicts', () => {
      const decision = decide(theirs, change({ set: { company: 'Fjell AS' } }, 1), phone);
      expect(verbs(decision)).toEqual(['Changed']);
      expect(decision).toMatchObject({ merged: false });
    });
  });

  it.each(rules)('takes start and end of an appointment from one side (%s)', (rule) => {
    const past = given(
      [phone, added('appointment', meeting)],
      [office, changed('appointment', { start: '12', end: '13' })],
    );
    const decision = decide(past, change({ set: { end: '11:30', subject: 'Langt møte' } }, 0, rule), phone);
    const { start, end, subject } = result(past, decision).fields as unknown as typeof meeting;
    expect([start, end]).toEqual(rule === 'serverWins' ? ['12', '13'] : ['10', '11:30']);
    expect(subject).toBe('Langt møte');
    expect(kept(decision).lost.set).toEqual(
      rule === 'serverWins' ? { start: '10', end: '11:30' } : { start: '12', end: '13' },
    );
  });

  describe('of a series', () => {
    const series = { ...meeting, exceptions: { monday: { deleted: true } } };
    const past = given(
      [phone, added('appointment', series)],
      [office, changed('appointment', { 'exceptions/friday': { deleted: true } })],
    );

    it('merges two changed occurrences', () => {
      const exceptions = { ...series.exceptions, tuesday: { changed: { subject: 'Flyttet' } } };
      const decision = decide(past, change({ set: { exceptions } }, 0), phone);
      expect(verbs(decision)).toEqual(['Changed']);
      expect(result(past, decision).fields.exceptions).toEqual({ ...exceptions, friday: { deleted: true } });
    });

    it('contests one occurrence that both changed', () => {
      const exceptions = { ...series.exceptions, friday: { changed: { subject: 'Flyttet' } } };
      const decision = decide(past, change({ set: { exceptions } }, 0), phone);
      expect(kept(decision)).toMatchObject({
        contested: ['exceptions/friday'],
        lost: { set: { 'exceptions/friday': exceptions.friday } },
      });
      expect(result(past, decision).fields.exceptions).toMatchObject({ friday: { deleted: true } });
    });
  });
});

describe('change against a removal', () => {
  const past = given(
    [phone, added('contact', astrid)],
    [office, changed('contact', { company: 'Hav AS', mobilePhone: '911' })],
    [office, removed('contact')],
  );
  const edit = { set: { company: 'Fjell AS', jobTitle: 'Sjef' } };

  it('loses where the server wins; what was wanted is kept, once', () => {
    const decision = decide(past, change(edit, 0), phone);
    expect(verbs(decision)).toEqual(['ConflictKept']);
    expect(decision).toMatchObject({ conflict: 'client' });
    expect(kept(decision)).toMatchObject({ loser: 'client', lost: edit });
    const events = decision.kind === 'accepted' ? decision.events : [];
    const again = decide(after(past, events, phone), change(edit, 0), phone);
    expect(again).toEqual({ kind: 'refused', reason: 'gone' });
  });

  it('wins where the client wins: the item is back, with what others had changed before', () => {
    const decision = decide(past, change(edit, 0, 'clientWins'), phone);
    expect(verbs(decision)).toEqual(['Added', 'ConflictKept']);
    expect(result(past, decision)).toMatchObject({
      removed: false,
      fields: { ...astrid, mobilePhone: '911', company: 'Fjell AS', jobTitle: 'Sjef' },
    });
    expect(decision).toMatchObject({ merged: true, conflict: 'server', events: [{ data: { restored: true } }, {}] });
    expect(kept(decision)).toMatchObject({
      loser: 'server',
      lostRemoval: true,
      contested: ['company'],
      lost: { set: { company: 'Hav AS' } },
    });
  });

  it('of nothing is refused', () => {
    expect(decide(past, change({ set: astrid }, 0), phone)).toEqual({ kind: 'refused', reason: 'gone' });
  });

  it('of the device’s own doing does not bring the item back', () => {
    const own = given([office, added('contact', astrid)], [phone, removed('contact')]);
    const decision = decide(own, change(edit, 0, 'clientWins'), phone);
    expect(verbs(decision)).toEqual(['ConflictKept']);
  });
});

describe('remove', () => {
  it('removes what nobody else changed', () => {
    const past = given([office, added('contact', astrid)], [phone, changed('contact', { company: 'Hav AS' })]);
    for (const base of [null, 0, 1]) expect(verbs(decide(past, remove(base), phone))).toEqual(['Removed']);
  });

  it('again does nothing', () => {
    const past = given([office, added('contact', astrid)], [office, removed('contact')]);
    expect(decide(past, remove(0), phone)).toEqual({ kind: 'accepted', events: [], merged: false });
  });

  describe('against a change', () => {
    const past = given([office, added('contact', astrid)], [tablet, changed('contact', { company: 'Hav AS' })]);

    it('loses where the server wins; the wish is kept, once', () => {
      const decision = decide(past, remove(0), phone);
      expect(verbs(decision)).toEqual(['ConflictKept']);
      expect(decision).toMatchObject({ merged: true, conflict: 'client' });
      expect(kept(decision)).toMatchObject({ lostRemoval: true, contested: ['company'] });
      expect(result(past, decision).removed).toBe(false);
    });

    it('wins where the client wins; the whole item is kept', () => {
      const decision = decide(past, remove(0, 'clientWins'), phone);
      expect(verbs(decision)).toEqual(['Removed', 'ConflictKept']);
      expect(result(past, decision).removed).toBe(true);
      expect(kept(decision)).toMatchObject({ loser: 'server', lost: { set: { ...astrid, company: 'Hav AS' } } });
    });
  });
});

describe('move', () => {
  const past = given([phone, added('contact', astrid)]);
  const move: ItemCommand = { do: 'move', to: otherFolder };

  it('changes the folder and nothing else', () => {
    const decision = decide(past, move, phone);
    expect(decision).toMatchObject({ events: [itemEvent('contact', 'Moved', { from: folder, to: otherFolder })] });
    expect(result(past, decision)).toMatchObject({ collection: otherFolder, fields: astrid });
  });

  it('to where it is does nothing', () => {
    expect(decide(past, { do: 'move', to: folder }, phone)).toEqual({ kind: 'accepted', events: [], merged: false });
  });

  it('of a removed item is refused', () => {
    expect(decide(after(past, [removed('contact')], office), move, phone)).toEqual({ kind: 'refused', reason: 'gone' });
  });

  it('is no conflict with a change, nor with a removal', () => {
    const moved = after(past, [itemEvent('contact', 'Moved', { from: folder, to: otherFolder })], office);
    expect(decide(moved, change({ set: { company: 'Hav AS' } }, 0), phone)).toMatchObject({ merged: false });
    expect(verbs(decide(moved, remove(0), phone))).toEqual(['Removed']);
  });
});

describe('two sides', () => {
  it('are the same only as one device, the office or the system itself', () => {
    expect(sameActor(phone, { ...phone })).toBe(true);
    expect(sameActor(phone, tablet)).toBe(false);
    expect(sameActor(office, { ...office, colleague: 'ola' } as Actor)).toBe(true);
    expect(sameActor({ kind: 'admin' }, { kind: 'admin' })).toBe(false);
    expect(sameActor(phone, office)).toBe(false);
  });
});

describe('whatever happened before', () => {
  const value = fc.constantFrom('a', 'b', 'c');
  const names = ['subject', 'location', 'start', 'end', 'busyStatus'];
  const exceptions = fc.dictionary(
    fc.constantFrom('monday', 'friday'),
    value.map((subject) => ({ changed: { subject } })),
    { minKeys: 1, noNullPrototype: true },
  );
  const patch: fc.Arbitrary<Patch<Fields>> = fc
    .tuple(
      fc.record({ ...Object.fromEntries(names.map((name) => [name, value])), exceptions }, { requiredKeys: [] }),
      fc.subarray([...names, 'exceptions']),
    )
    .map(([set, cleared]) => ({ set, cleared: cleared.filter((name) => !(name in set)) }));
  const actor = fc.constantFrom(phone, tablet, office);
  const rule = fc.constantFrom(...rules);
  const command = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('change' as const), patch, rule, lag: fc.nat(4) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), rule, lag: fc.nat(4) }) },
    { weight: 1, arbitrary: fc.constantFrom(folder, otherFolder).map((to) => ({ do: 'move' as const, to })) },
  );
  type Loose = typeof command extends fc.Arbitrary<infer T> ? T : never;
  /** A base that the item really had: one of its versions, `lag` events back. */
  const concrete = (history: readonly PastEvent[], it: Loose): ItemCommand => {
    if (it.do === 'move') return it;
    const { lag, ...rest } = it;
    return { ...rest, base: lag === 4 ? null : Math.max(0, history.length - 1 - lag) };
  };
  const past = fc.array(fc.tuple(command, actor), { maxLength: 8 }).map((steps) => {
    let history = given([office, added('appointment', meeting)]);
    for (const [step, by] of steps) {
      const decision = decide(history, concrete(history, step), by);
      if (decision.kind === 'accepted') history = after(history, decision.events, by);
    }
    return history;
  });

  it('a command decided again on the history that holds its events yields nothing', () => {
    fc.assert(
      fc.property(past, command, actor, (history, loose, by) => {
        const it = concrete(history, loose);
        const first = decide(history, it, by);
        const held = after(history, first.kind === 'accepted' ? first.events : [], by);
        const again = decide(held, it, by);
        expect(again.kind === 'accepted' ? again.events : []).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('every decided event is one that may be stored', () => {
    fc.assert(
      fc.property(past, command, actor, (history, loose, by) => {
        const decision = decide(history, concrete(history, loose), by);
        for (const { type, data } of decision.kind === 'accepted' ? decision.events : []) {
          const { verb } = parseItemType(type) as { verb: string };
          // Values are made up here; the shape of the other events is what counts.
          if (verb !== 'Added') itemEvents[type]?.schema.parse(data);
        }
      }),
    );
  });

  it('what the device wanted stands in the item or is kept whole', () => {
    fc.assert(
      fc.property(past, patch, actor, rule, fc.nat(3), (history, wish, by, rule, lag) => {
        const base = Math.max(0, history.length - 1 - lag);
        const known = fold(history.filter(({ revision }) => revision <= base));
        const decision = decide(history, { do: 'change', patch: wish, base, rule }, by);
        if (decision.kind === 'refused' || !known) return;
        const state = result(history, decision, by);
        const mine = difference(known.fields, applyPatch(known.fields, wish));
        const lost = decision.conflict === 'client' ? keptOrBefore(history, decision) : [];
        for (const path of pathsOf(mine)) {
          const now = state.fields;
          const isThere = pathsOf(difference(now, applyDelta(now, only(mine, path)))).length === 0 && !state.removed;
          const isKept = lost.some((one) => pathsOf(one).includes(path) && equal(only(one, path), only(mine, path)));
          expect(isThere || isKept).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  /** What was kept of losers, now or before. */
  const keptOrBefore = (history: readonly PastEvent[], decision: Decision & { kind: 'accepted' }) =>
    [...history, ...decision.events]
      .filter(({ type }) => parseItemType(type)?.verb === 'ConflictKept')
      .map(({ data }) => (data as ItemEventData['ConflictKept']).lost);
  const only = (delta: { set: Fields; cleared: readonly string[] }, path: string) => ({
    set: path in delta.set ? { [path]: delta.set[path] } : {},
    cleared: delta.cleared.filter((name) => name === path),
  });
});
