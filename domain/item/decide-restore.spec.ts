import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { difference, equal, pathsOf, valueAt } from '../conflict/paths.ts';
import type { Actor, DomainEvent } from '../shared/event.ts';
import type { AccountId, CollectionId, DeviceKey } from '../shared/ids.ts';
import { decide, type ItemCommand, type PastEvent } from './decide.ts';
import { itemEvent } from './events.ts';
import type { Fields } from './fields.ts';
import { fold, type ItemState } from './state.ts';
import { undoing } from './undo.ts';

const account = 'kari' as AccountId;
const [home, other] = ['calendar' as CollectionId, 'private' as CollectionId];
const phone: Actor = { kind: 'device', account, device: 'phone' as DeviceKey };
const tablet: Actor = { kind: 'device', account, device: 'tablet' as DeviceKey };
const office: Actor = { kind: 'office', account };
const admin: Actor = { kind: 'admin', name: 'Siv' };

type Doing = readonly [Actor, DomainEvent];
const given = (...past: readonly Doing[]): PastEvent[] =>
  past.map(([actor, { type, data }], revision) => ({ type, data, revision, actor }));

/** The history after the command; what it appended is the administrator's. */
function after(history: readonly PastEvent[], command: ItemCommand): PastEvent[] {
  const decision = decide(history, command, admin);
  if (decision.kind === 'refused') throw new Error(decision.reason);
  const events = decision.events.map(({ type, data }, index) => ({ type, data, revision: history.length + index }));
  return [...history, ...events.map((event) => ({ ...event, actor: admin }))];
}
const added = (fields: Fields) => itemEvent('appointment', 'Added', { collection: home, owner: account, fields });
const changed = (set: Fields, cleared: string[] = []) =>
  itemEvent('appointment', 'Changed', { base: null, set, cleared });
const moved = (to: CollectionId, from = home) => itemEvent('appointment', 'Moved', { from, to });
const removed = itemEvent('appointment', 'Removed', { base: null });
const meeting = { subject: 'Styremøte', location: 'Oslo', start: '10', end: '11', timeZone: 'Europe/Oslo' };
const stateAfter = (history: readonly PastEvent[], command: ItemCommand) => fold(after(history, command)) as ItemState;

/** Everything that may happen to an item: who, and what, in any order that its life allows. */
const life: fc.Arbitrary<PastEvent[]> = fc
  .array(
    fc.tuple(
      fc.constantFrom(phone, tablet, office),
      fc.oneof(
        {
          weight: 5,
          arbitrary: fc.record({
            path: fc.constantFrom('subject', 'location', 'start', 'end'),
            value: fc.option(fc.constantFrom('1', '2', '3')),
          }),
        },
        { weight: 1, arbitrary: fc.constant('move' as const) },
        { weight: 1, arbitrary: fc.constant('removeOrRestore' as const) },
      ),
    ),
    { maxLength: 12 },
  )
  .map((doings) => {
    const history: PastEvent[] = given([office, added(meeting)]);
    for (const [actor, what] of doings) {
      const state = fold(history) as ItemState;
      const event =
        what === 'removeOrRestore'
          ? state.removed
            ? itemEvent('appointment', 'Added', { ...state, restored: true })
            : removed
          : state.removed
            ? undefined
            : what === 'move'
              ? moved(state.collection === home ? other : home, state.collection)
              : what.value === null
                ? changed({}, [what.path])
                : changed({ [what.path]: what.value });
      if (event) history.push({ type: event.type, data: event.data, revision: history.length, actor });
    }
    return history;
  });
const doingsOf = (history: readonly PastEvent[], actor: Actor) =>
  new Set(history.flatMap((event) => (event.actor === actor ? [event.revision] : [])));

describe('restore', () => {
  const past = given([phone, added(meeting)], [office, changed({ location: 'Bergen' })], [phone, removed]);

  it('brings a removed item back as it was', () => {
    const decision = decide(past, { do: 'restore' }, admin);
    const fields = { ...meeting, location: 'Bergen' };
    expect(decision).toEqual({
      kind: 'accepted',
      merged: false,
      events: [itemEvent('appointment', 'Added', { collection: home, owner: account, fields, restored: true })],
    });
  });

  it('leaves one that is there, and so does nothing the second time', () => {
    expect(after(past.slice(0, 2), { do: 'restore' })).toEqual(past.slice(0, 2));
    const once = after(past, { do: 'restore' });
    expect(after(once, { do: 'restore' })).toEqual(once);
  });

  it('goes to the standard folder when its own is there no more', () => {
    const homes = { folders: new Set([other]), standard: other };
    expect(stateAfter(past, { do: 'restore', homes }).collection).toBe(other);
    expect(stateAfter(past, { do: 'restore', homes: { ...homes, folders: new Set([home]) } }).collection).toBe(home);
    // One that is there does not move to a folder that is not.
    const there = given([phone, added(meeting)], [phone, moved(other)]);
    expect(stateAfter(there, { do: 'revert', to: 0, homes }).collection).toBe(other);
  });

  it('of what never was is refused', () => {
    expect(decide([], { do: 'restore' }, admin)).toEqual({ kind: 'refused', reason: 'unknown' });
  });
});

describe('revert', () => {
  it('gives exactly the fields, the folder and the presence of the version, and the second time nothing', () => {
    fc.assert(
      fc.property(life, fc.nat(), (history, at) => {
        const to = at % history.length;
        const then = fold(history.slice(0, to + 1)) as ItemState;
        const reverted = after(history, { do: 'revert', to });
        const now = fold(reverted) as ItemState;
        expect(now.removed).toBe(then.removed);
        if (!then.removed) expect([now.fields, now.collection]).toEqual([then.fields, then.collection]);
        expect(after(reverted, { do: 'revert', to })).toEqual(reverted);
      }),
    );
  });

  it('is one event for the fields, and conflicts with nobody', () => {
    const past = given([phone, added(meeting)], [phone, changed({ subject: 'x' }, ['location'])]);
    const { subject, location } = meeting;
    expect(decide(past, { do: 'revert', to: 0 }, admin)).toMatchObject({
      events: [itemEvent('appointment', 'Changed', { base: null, set: { subject, location }, cleared: [] })],
    });
  });

  it('to a version there is none of is refused', () => {
    const decision = decide(given([phone, added(meeting)]), { do: 'revert', to: 1 }, admin);
    expect(decision).toEqual({ kind: 'refused', reason: 'noRevision' });
  });
});

describe('undo', () => {
  const undo = (...doings: number[]): ItemCommand => ({ do: 'undo', doings: new Set(doings) });

  it('takes back what one device changed and blanked, and leaves what others changed since', () => {
    const past = given(
      [office, added(meeting)],
      [phone, changed({ subject: 'x' }, ['location'])],
      [office, changed({ location: 'Bergen' })],
    );
    expect(stateAfter(past, undo(1)).fields).toEqual({ ...meeting, location: 'Bergen' });
    expect(undoing(past, new Set([1]))?.left).toEqual([{ what: ['location'], by: office, revision: 2 }]);
  });

  it('goes back to the last value of another, not beyond it', () => {
    const past = given(
      [office, added(meeting)],
      [phone, changed({ subject: 'a' })],
      [tablet, changed({ subject: 'b' })],
      [phone, changed({ subject: 'c' })],
      [phone, changed({ subject: 'd' })],
    );
    expect(stateAfter(past, undo(1, 3, 4)).fields.subject).toBe('b');
  });

  it('takes start and end back together or not at all', () => {
    const past = given(
      [office, added(meeting)],
      [phone, changed({ start: '12', end: '13' })],
      [tablet, changed({ end: '14' })],
    );
    expect(stateAfter(past, undo(1)).fields).toMatchObject({ start: '12', end: '14' });
    expect(stateAfter(past.slice(0, 2), undo(1)).fields).toEqual(meeting);
  });

  it('brings back what the device deleted, with what it had blanked before', () => {
    const past = given([office, added(meeting)], [phone, changed({}, ['subject'])], [phone, removed]);
    expect(stateAfter(past, undo(1, 2))).toMatchObject({ removed: false, fields: meeting });
    expect(stateAfter(past, undo(2)).fields).not.toHaveProperty('subject');
  });

  it('leaves to others what they removed since, and says so', () => {
    const past = given([office, added(meeting)], [phone, changed({ subject: 'x' })], [office, removed]);
    expect(after(past, undo(1))).toEqual(past);
    expect(undoing(past, new Set([1]))?.left).toEqual([{ what: ['item'], by: office, revision: 2 }]);
  });

  it('removes what the device added, unless others changed it since', () => {
    const past = given([phone, added(meeting)], [phone, changed({ subject: 'x' })]);
    expect(stateAfter(past, undo(0, 1)).removed).toBe(true);
    const theirs = [...past, ...given([office, changed({ location: 'Bergen' })])].map((event, revision) => ({
      ...event,
      revision,
    }));
    expect(after(theirs, undo(0, 1))).toEqual(theirs);
    expect(undoing(theirs, new Set([0, 1]))?.left).toEqual([{ what: ['item'], by: office, revision: 2 }]);
  });

  it('puts back what it moved', () => {
    const past = given([office, added(meeting)], [phone, moved(other)]);
    expect(stateAfter(past, undo(1)).collection).toBe(home);
  });

  it('leaves nothing of the device where no one else touched, loses nothing of others, and is done once', () => {
    fc.assert(
      fc.property(life, (history) => {
        const doings = doingsOf(history, phone);
        const undone = after(history, { do: 'undo', doings });
        const [now, was] = [fold(undone) as ItemState, fold(history) as ItemState];
        const others = history.filter(({ revision }) => !doings.has(revision));
        if (others.length === 1) {
          expect(now).toMatchObject({ removed: false, collection: home, fields: meeting });
          expect(now.fields).toEqual(meeting);
        }
        // What changed is what the device was the last to touch.
        const last = lastToTouch(history);
        for (const path of pathsOf(difference(was.fields, now.fields))) {
          expect(last.get(unit(path))).toBe(phone);
        }
        if (was.removed !== now.removed) expect(last.get('item')).toBe(phone);
        if (was.collection !== now.collection) expect(last.get('folder')).toBe(phone);
        expect(after(undone, { do: 'undo', doings })).toEqual(undone);
      }),
      { numRuns: 500 },
    );
  });

  it('of nothing does nothing', () => {
    fc.assert(
      fc.property(life, (history) => {
        expect(after(history, undo())).toEqual(history);
      }),
    );
  });
});

const unit = (path: string) => (path === 'start' || path === 'end' ? 'time' : path);

function lastToTouch(history: readonly PastEvent[]): Map<string, Actor> {
  const last = new Map<string, Actor>();
  history.forEach((event, index) => {
    if (index === 0) return;
    const before = fold(history.slice(0, index)) as ItemState;
    const now = fold(history.slice(0, index + 1)) as ItemState;
    for (const path of ['subject', 'location', 'start', 'end']) {
      if (!equal(valueAt(before.fields, path), valueAt(now.fields, path))) last.set(unit(path), event.actor);
    }
    if (before.removed !== now.removed) last.set('item', event.actor);
    if (before.collection !== now.collection) last.set('folder', event.actor);
  });
  return last;
}
