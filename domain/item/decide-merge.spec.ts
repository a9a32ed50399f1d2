import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contactFieldsArbitrary } from '../../test/arbitraries/contact.ts';
import type { MergeEventData } from '../matching/events.ts';
import { fill } from '../matching/fill.ts';
import type { Actor, DomainEvent } from '../shared/event.ts';
import type { AccountId, CollectionId, ItemId } from '../shared/ids.ts';
import { decide, type ItemCommand, type PastEvent } from './decide.ts';
import { itemEvent } from './events.ts';
import type { Fields } from './fields.ts';
import { fold } from './state.ts';

const siv: Actor = { kind: 'admin', name: 'Siv' };
const other = 'b3ntaqkkdgm2pylgmyqd5rnvta' as ItemId;
const place = { owner: 'kari' as AccountId, collection: 'contacts' as CollectionId };
const likening = { number: (text: string) => text.replaceAll(/\D/g, '') };

class Life {
  readonly history: PastEvent[] = [];
  constructor(fields: Fields) {
    this.#add([itemEvent('contact', 'Added', { ...place, fields })]);
  }
  get fields(): Fields {
    return fold(this.history)?.fields ?? {};
  }
  do(command: ItemCommand): readonly DomainEvent[] {
    const decision = decide(this.history, command, siv);
    if (decision.kind === 'refused') throw new Error(decision.reason);
    this.#add(decision.events);
    return decision.events;
  }
  merge(claim: Fields): number {
    const revision = this.history.length;
    this.do({ do: 'merge', claim, filled: fill('contact', this.fields, claim, likening), matchedBy: ['name'], other });
    return revision;
  }
  #add(events: readonly DomainEvent[]): void {
    for (const event of events) this.history.push({ ...event, revision: this.history.length, actor: siv });
  }
}

const contact = contactFieldsArbitrary;

describe('a merge', () => {
  it('changes nothing that the item says, and keeps the other version whole', () => {
    fc.assert(
      fc.property(contact, contact, (current, claim) => {
        const life = new Life(current);
        life.merge(claim);
        for (const [name, value] of Object.entries(current)) {
          if (value !== '' && value !== undefined) expect(life.fields[name]).toEqual(value);
        }
        const merged = life.history.find(({ type }) => type === 'ItemsMerged');
        expect((merged as { data: MergeEventData['ItemsMerged'] }).data.claim).toEqual(claim);
      }),
    );
  });

  it('of an item with itself takes over nothing', () => {
    fc.assert(
      fc.property(contact, (fields) => {
        expect(fill('contact', fields, fields, likening)).toEqual({});
      }),
    );
  });

  it('taken back leaves the item as it was, and taken back again does nothing', () => {
    fc.assert(
      fc.property(contact, contact, (current, claim) => {
        const life = new Life(current);
        const merged = life.merge(claim);
        life.do({ do: 'unmerge', merged, other });
        expect(life.fields).toEqual(new Life(current).fields);
        expect(life.do({ do: 'unmerge', merged, other })).toEqual([]);
      }),
    );
  });

  it('taken back leaves what somebody changed since', () => {
    const life = new Life({ givenName: 'Kari' });
    const merged = life.merge({ givenName: 'Kari', jobTitle: 'Sjef', nickname: 'Kaja' });
    life.do({ do: 'change', base: null, rule: 'serverWins', patch: { set: { jobTitle: 'Leder' }, cleared: [] } });
    life.do({ do: 'unmerge', merged, other });
    expect(life.fields).toEqual({ givenName: 'Kari', jobTitle: 'Leder' });
  });

  it('brings an item back that was removed in the same moment', () => {
    const life = new Life({ givenName: 'Kari' });
    life.do({ do: 'remove', base: null, rule: 'clientWins' });
    life.merge({ givenName: 'Kari', nickname: 'Kaja' });
    expect(fold(life.history)).toMatchObject({ removed: false, fields: { givenName: 'Kari', nickname: 'Kaja' } });
  });

  it('is taken back only where there is one', () => {
    const life = new Life({ givenName: 'Kari' });
    const decision = decide(life.history, { do: 'unmerge', merged: 0, other }, siv);
    expect(decision).toEqual({ kind: 'refused', reason: 'noMerge' });
  });
});

describe('what is filled', () => {
  it('goes to the next free place of its kind, and nothing is there twice', () => {
    const current = {
      email1: 'kari@fjord.example',
      homePhone: '22 00 11 22',
      mobilePhone: '900 11 222',
      carPhone: 'ingen',
    };
    const claim = {
      email1: '"Kari" <KARI@fjord.example>',
      email2: 'kari@post.example',
      homePhone: '23 00 11 22',
      businessPhone: '90011222',
      pager: 'ukjent',
      mobilePhone: '900 99 999',
    };
    expect(fill('contact', current, claim, likening)).toEqual({
      email2: 'kari@post.example',
      homePhone2: '23 00 11 22',
      pager: 'ukjent',
    });
  });

  it('is a whole group, or nothing of it', () => {
    const claim = { givenName: 'Kari', middleName: 'Marie', familyName: 'Hansen' };
    expect(fill('contact', { givenName: 'Kari' }, claim, likening)).toEqual({});
    expect(fill('contact', { company: 'Fjord AS' }, claim, likening)).toEqual(claim);
  });
});
