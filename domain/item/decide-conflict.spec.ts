import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConflictChoice } from '../conflict/events.ts';
import type { ConflictRule } from '../conflict/merge.ts';
import { choiceUnder, ruleUnder } from '../conflict/policy.ts';
import type { Actor, DomainEvent } from '../shared/event.ts';
import type { AccountId, CollectionId, DeviceKey } from '../shared/ids.ts';
import { decide, type ItemCommand, type PastEvent } from './decide.ts';
import { conflictAt } from './decide-conflict.ts';
import { itemEvent } from './events.ts';
import type { Fields, ItemKind } from './fields.ts';
import { fold, type ItemState } from './state.ts';

const account = 'kari' as AccountId;
const phone: Actor = { kind: 'device', account, device: 'phone' as DeviceKey };
const office: Actor = { kind: 'office', account };
const admin: Actor = { kind: 'admin' };

const astrid = { givenName: 'Astrid', familyName: 'Bråthen', company: 'Fjord AS', mobilePhone: '900' };
const append = (history: readonly PastEvent[], actor: Actor, events: readonly DomainEvent[]): PastEvent[] => [
  ...history,
  ...events.map(({ type, data }, index) => ({ type, data, revision: history.length + index, actor })),
];
/** The history after the command. */
function after(history: readonly PastEvent[], command: ItemCommand, actor: Actor = admin): PastEvent[] {
  const decision = decide(history, command, actor);
  if (decision.kind === 'refused') throw new Error(decision.reason);
  return append(history, actor, decision.events);
}
const began = (fields: Fields, kind: ItemKind = 'contact') =>
  append([], office, [itemEvent(kind, 'Added', { collection: 'home' as CollectionId, owner: account, fields })]);
const change = (set: Fields, rule: ConflictRule, cleared: string[] = [], base: number | null = 0): ItemCommand => ({
  do: 'change',
  base,
  rule,
  patch: { set, cleared },
});
const remove = (rule: ConflictRule): ItemCommand => ({ do: 'remove', base: 0, rule });
const forced = (set: Fields, cleared: string[] = []) => change(set, 'clientWins', cleared, null);
/** The phone speaks of the item as it was added; the office has done something since. */
const contest = (theirs: ItemCommand, mine: ItemCommand, fields: Fields = astrid, kind?: ItemKind) =>
  after(after(began(fields, kind), theirs, office), mine, phone);
const conflictIn = (history: readonly PastEvent[]) =>
  history.findLast(({ type }) => type.endsWith('ConflictKept'))?.revision as number;
const decided = (history: readonly PastEvent[], choice: ConflictChoice): PastEvent[] =>
  after(history, { do: 'decide', conflict: conflictIn(history), for: choice });
const stateOf = (history: readonly PastEvent[]) => fold(history) as ItemState;

describe('a change that lost to a change', () => {
  const past = contest(forced({ company: 'Hav AS' }), change({ company: 'Fjell AS' }, 'serverWins'));

  it('wins when it is decided for mine, also over what was done since', () => {
    expect(stateOf(decided(past, 'mine')).fields.company).toBe('Fjell AS');
    const later = after(past, forced({ company: 'Vidde AS', jobTitle: 'Sjef' }), office);
    expect(stateOf(decided(later, 'mine')).fields).toMatchObject({ company: 'Fjell AS', jobTitle: 'Sjef' });
  });

  it('says in the history which conflict was decided, for whom, and what that changed', () => {
    expect(decided(past, 'mine').slice(-2)).toMatchObject([
      { type: 'ContactChanged', data: { base: null, set: { company: 'Fjell AS' }, cleared: [] } },
      { type: 'ConflictDecided', data: { conflict: conflictIn(past), for: 'mine', changed: ['company'] } },
    ]);
  });

  it('has both versions to be looked at', () => {
    expect(conflictAt(past, conflictIn(past))).toMatchObject({
      won: { fields: { company: 'Hav AS' } },
      lost: { removed: false, fields: { company: 'Fjell AS' } },
      decided: undefined,
    });
  });

  it('lets the server win after all where the phone had won', () => {
    const won = contest(forced({ company: 'Hav AS' }), change({ company: 'Fjell AS' }, 'clientWins'));
    expect(stateOf(decided(won, 'mine')).fields.company).toBe('Hav AS');
  });

  it('brings the whole of what goes together: no start of one with the end of another', () => {
    const meeting = { subject: 'Møte', start: '10', end: '12', timeZone: 'Europe/Oslo' };
    const past = contest(forced({ start: '08' }), change({ end: '14' }, 'serverWins'), meeting, 'appointment');
    const later = after(past, forced({ end: '09' }), office);
    expect(stateOf(decided(later, 'mine')).fields).toMatchObject({ start: '10', end: '14' });
  });
});

describe('a removal', () => {
  const lost = contest(forced({ company: 'Hav AS' }), remove('serverWins'));
  it('that lost removes the item when decided for mine; its content stays in the history', () => {
    const done = decided(lost, 'mine');
    expect(stateOf(done)).toMatchObject({ removed: true, fields: { company: 'Hav AS' } });
    expect(stateOf(after(done, { do: 'restore' }))).toMatchObject({ removed: false, fields: { company: 'Hav AS' } });
  });

  it('that lost does not remove when merged', () => {
    expect(stateOf(decided(lost, 'merge')).removed).toBe(false);
  });

  it('that won is taken back by what lost to it', () => {
    for (const choice of ['mine', 'merge'] as const) {
      const byPhone = contest(forced({ company: 'Hav AS' }), remove('clientWins'));
      expect(stateOf(decided(byPhone, choice))).toMatchObject({ removed: false, fields: { company: 'Hav AS' } });
      const byOffice = contest(
        { ...remove('clientWins'), base: null } as ItemCommand,
        change({ jobTitle: 'Sjef' }, 'serverWins'),
      );
      expect(stateOf(byOffice).removed).toBe(true);
      expect(stateOf(decided(byOffice, choice))).toMatchObject({
        removed: false,
        fields: { ...astrid, jobTitle: 'Sjef' },
      });
    }
  });

  it('over which a change won removes after all', () => {
    const past = contest(
      { ...remove('clientWins'), base: null } as ItemCommand,
      change({ jobTitle: 'Sjef' }, 'clientWins'),
    );
    expect(stateOf(past).removed).toBe(false);
    expect(stateOf(decided(past, 'mine')).removed).toBe(true);
  });
});

describe('merge', () => {
  const merged = (base: Fields, theirs: ItemCommand, mine: ItemCommand) =>
    stateOf(decided(contest(theirs, mine, base), 'merge')).fields;

  it('fills what is empty, and leaves what is not', () => {
    const mine = change({ company: 'Fjell AS', mobilePhone: '911' }, 'serverWins');
    expect(merged(astrid, forced({ company: 'Hav AS' }, ['mobilePhone']), mine)).toEqual({
      ...astrid,
      company: 'Hav AS',
      mobilePhone: '911',
    });
  });

  it('leaves what was changed since', () => {
    const past = contest(forced({}, ['mobilePhone']), change({ mobilePhone: '911' }, 'serverWins'));
    const later = after(past, forced({ mobilePhone: '922' }), office);
    const emptied = after(later, forced({}, ['mobilePhone']), office);
    expect(stateOf(decided(later, 'merge')).fields.mobilePhone).toBe('922');
    expect(stateOf(decided(emptied, 'merge')).fields.mobilePhone).toBe('911');
  });

  it('joins words, and free text of both kinds', () => {
    const text = (content: string) => ({ type: 'text', content }) as const;
    const html = (content: string) => ({ type: 'html', content }) as const;
    const cases = [
      [
        ['a', 'b'],
        ['b', 'c'],
        ['a', 'b', 'c'],
      ],
      [text('A\n'), text('B'), text('A\n\nB')],
      [text('A'), text('A and B'), text('A and B')],
      [html('<html><body>A</body></html>'), text('1 < 2'), html('<html><body>A<hr>1 &lt; 2</body></html>')],
      [html('A'), html('<body x="y">B</body>'), html('A<hr>B')],
      [{ type: 'rtf', content: 'A' }, text('B'), { type: 'rtf', content: 'A' }],
    ];
    for (const [theirs, mine, both] of cases) {
      const name = Array.isArray(theirs) ? 'categories' : 'body';
      const from = { ...astrid, [name]: Array.isArray(theirs) ? ['x'] : text('x') };
      expect(merged(from, forced({ [name]: theirs }), change({ [name]: mine }, 'serverWins'))[name]).toEqual(both);
    }
  });
});

describe('every decision', () => {
  const value = fc.option(fc.constantFrom('1', '2', '3'));
  const patch = fc.dictionary(fc.constantFrom('company', 'jobTitle', 'givenName', 'familyName', 'mobilePhone'), value);
  const command = (rule: ConflictRule, base: number | null) =>
    fc.option(patch, { freq: 4 }).map((values): ItemCommand => {
      if (values === null) return { do: 'remove', base, rule };
      const names = Object.keys(values);
      const set = Object.fromEntries(Object.entries(values).filter(([, one]) => one !== null));
      return change(
        set,
        rule,
        names.filter((name) => values[name] === null),
        base,
      );
    });
  const conflicts = fc
    .constantFrom<ConflictRule>('clientWins', 'serverWins')
    .chain((rule) =>
      fc.tuple(command('clientWins', null), command(rule, 0), fc.array(command('clientWins', null), { maxLength: 2 })),
    )
    .map(([theirs, mine, later]) => {
      const steps: readonly (readonly [ItemCommand, Actor])[] = [
        [theirs, office],
        [mine, phone],
        ...later.map((one) => [one, office] as const),
      ];
      return steps.reduce((history, [one, actor]) => {
        const decision = decide(history, one, actor);
        return decision.kind === 'accepted' ? append(history, actor, decision.events) : history;
      }, began(astrid));
    })
    .filter((history) => conflictIn(history) !== undefined);
  const choices = fc.constantFrom<ConflictChoice>('mine', 'theirs', 'merge');

  it('for theirs never changes the item', () => {
    fc.assert(
      fc.property(conflicts, (past) => {
        expect(stateOf(decided(past, 'theirs'))).toEqual(stateOf(past));
      }),
    );
  });

  it('for mine gives the loser what it wanted', () => {
    fc.assert(
      fc.property(conflicts, (past) => {
        const { lost, kept } = conflictAt(past, conflictIn(past)) ?? {};
        const now = stateOf(decided(past, 'mine'));
        expect(now.removed).toBe(lost?.removed);
        if (!now.removed) expect(now.fields).toMatchObject(kept?.lost.set ?? {});
        if (!now.removed) for (const name of kept?.lost.cleared ?? []) expect(now.fields).not.toHaveProperty(name);
      }),
    );
  });

  it('for merge takes nothing away', () => {
    fc.assert(
      fc.property(conflicts, (past) => {
        const [was, now] = [stateOf(past), stateOf(decided(past, 'merge'))];
        const { won } = conflictAt(past, conflictIn(past)) ?? {};
        expect(now.removed && !was.removed).toBe(false);
        if (!won?.removed) expect(now.fields).toMatchObject(was.fields);
      }),
    );
  });

  it('is made once: the same again does nothing, another is refused', () => {
    fc.assert(
      fc.property(conflicts, choices, choices, (past, choice, other) => {
        const once = decided(past, choice);
        const again = decide(once, { do: 'decide', conflict: conflictIn(past), for: other }, admin);
        if (choice === other) expect(again).toEqual({ kind: 'accepted', events: [], merged: false });
        else expect(again).toEqual({ kind: 'refused', reason: 'decided' });
      }),
    );
  });

  it('is of a conflict that the item has', () => {
    const decision = decide(began(astrid), { do: 'decide', conflict: 0, for: 'mine' }, admin);
    expect(decision).toEqual({ kind: 'refused', reason: 'noConflict' });
  });
});

describe('a policy', () => {
  it('decides as a phone under it would have been told', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<ConflictRule>('clientWins', 'serverWins'),
        fc.constantFrom<ConflictRule>('clientWins', 'serverWins'),
        (then, now) => {
          const of = (rule: ConflictRule) =>
            contest(forced({ company: 'Hav AS' }), change({ company: 'Fjell AS' }, rule));
          const past = of(then);
          const choice = choiceUnder(now, conflictAt(past, conflictIn(past))?.kept.loser ?? 'client');
          expect(stateOf(decided(past, choice)).fields).toEqual(stateOf(of(now)).fields);
        },
      ),
    );
  });

  it('holds over the option of a phone, unless it leaves that to the phone', () => {
    expect(ruleUnder('clientWins', 'serverWins')).toBe('clientWins');
    expect(ruleUnder('serverWins', 'clientWins')).toBe('serverWins');
    for (const option of ['clientWins', 'serverWins'] as const) {
      expect(ruleUnder('device', option)).toBe(option);
      expect(ruleUnder(undefined, option)).toBe(option);
    }
  });
});
