import { describe, expect, it } from 'vitest';
import type { AccountId } from '../shared/ids.ts';
import { type AccountCommand, accountDecider, decideAccount } from './decide.ts';
import type { AccountEvent } from './events.ts';
import { domainMeans, normalizeLogin, parseLogin } from './login.ts';
import { evolveAccount, noAccount } from './state.ts';

const create: AccountCommand = {
  type: 'create',
  account: 'kari1' as AccountId,
  email: 'kari@demo.example',
  passwordHash: '$argon2id$one',
  timeZone: 'Europe/Oslo',
  settings: { displayName: 'Kari', aliases: ['kn', 'kn', 'kari@demo.example'] },
};
const createdEvents: AccountEvent[] = [
  {
    type: 'AccountCreated',
    version: 1,
    data: {
      account: 'kari1',
      email: 'kari@demo.example',
      displayName: 'Kari',
      aliases: ['kn'],
      timeZone: 'Europe/Oslo',
      policy: 'none',
      features: [],
    },
  },
  { type: 'PasswordSet', version: 1, data: { hash: '$argon2id$one' } },
];
const office = { system: '24sevenoffice', username: 'kari', password: 'secret' };

const given = (events: readonly AccountEvent[]) => {
  const state = events.reduce(evolveAccount, noAccount);
  return {
    state,
    when: (command: AccountCommand) => ({
      accepts: (...expected: AccountEvent[]) =>
        expect(decideAccount(state, command)).toEqual({ kind: 'accepted', events: expected }),
      refuses: (reason: string) => expect(decideAccount(state, command)).toEqual({ kind: 'refused', reason }),
    }),
  };
};
const removed: AccountEvent = { type: 'AccountRemoved', version: 1, data: {} };

describe('an account', () => {
  it('is created with its password, each alias once and never its own address', () => {
    given([])
      .when(create)
      .accepts(...createdEvents);
  });

  it('is created with its office when there is one', () => {
    given([])
      .when({ ...create, settings: { ...create.settings, office } })
      .accepts(...createdEvents, { type: 'OfficeConnected', version: 1, data: office });
  });

  it('is created once', () => given(createdEvents).when(create).refuses('exists'));

  it('does not come back after removal: its items belong to someone else', () =>
    given([...createdEvents, removed])
      .when(create)
      .refuses('removed'));

  it('changes only what differs', () => {
    given(createdEvents)
      .when({ type: 'change', settings: { displayName: 'Kari', policy: 'strict', aliases: ['kn'] } })
      .accepts({ type: 'AccountChanged', version: 1, data: { policy: 'strict' } });
    given(createdEvents)
      .when({ type: 'change', settings: { timeZone: 'Europe/Oslo' } })
      .accepts();
  });

  it('loses its display name by null', () => {
    const event: AccountEvent = { type: 'AccountChanged', version: 1, data: { displayName: null } };
    given(createdEvents)
      .when({ type: 'change', settings: { displayName: null } })
      .accepts(event);
    expect(given([...createdEvents, event]).state).toMatchObject({
      displayName: undefined,
      email: 'kari@demo.example',
    });
  });

  it('connects, reconnects and disconnects its office', () => {
    const connected: AccountEvent = { type: 'OfficeConnected', version: 1, data: office };
    given(createdEvents).when({ type: 'change', settings: { office } }).accepts(connected);
    const withOffice = given([...createdEvents, connected]);
    withOffice.when({ type: 'change', settings: { office } }).accepts();
    withOffice
      .when({ type: 'change', settings: { office: { ...office, password: 'new' } } })
      .accepts({ type: 'OfficeConnected', version: 1, data: { ...office, password: 'new' } });
    withOffice
      .when({ type: 'change', settings: { office: null } })
      .accepts({ type: 'OfficeDisconnected', version: 1, data: {} });
    given(createdEvents)
      .when({ type: 'change', settings: { office: null } })
      .accepts();
  });

  it('counts its passwords, so that an older one can be told', () => {
    const again: AccountEvent = { type: 'PasswordSet', version: 1, data: { hash: '$argon2id$two' } };
    given(createdEvents)
      .when({ type: 'change', settings: { passwordHash: '$argon2id$two' } })
      .accepts(again);
    expect(given([...createdEvents, again]).state).toMatchObject({
      passwordHash: '$argon2id$two',
      passwordGeneration: 2,
    });
  });

  it('is removed once, and a repeat is no error', () => {
    given(createdEvents).when({ type: 'remove' }).accepts(removed);
    given([...createdEvents, removed])
      .when({ type: 'remove' })
      .accepts();
    given([]).when({ type: 'remove' }).refuses('unknown');
  });

  it('does not change when there is none', () => {
    given([]).when({ type: 'change', settings: {} }).refuses('unknown');
    given([...createdEvents, removed])
      .when({ type: 'change', settings: {} })
      .refuses('removed');
    expect(accountDecider.evolve(noAccount, createdEvents[1]!)).toBe(noAccount);
  });
});

describe('a sign-in name', () => {
  it('is read in every way phones write it', () => {
    expect(parseLogin('Kari@Demo.Example')).toEqual({ user: 'kari@demo.example', domain: undefined });
    expect(parseLogin('DEMO\\Kari')).toEqual({ user: 'kari', domain: 'demo' });
    expect(parseLogin('\\kari@demo.example')).toEqual({ user: 'kari@demo.example', domain: undefined });
    expect(parseLogin('DEMO\\kari@demo.example')).toEqual({ user: 'kari@demo.example', domain: undefined });
    expect(parseLogin(' kari ')).toEqual({ user: 'kari', domain: undefined });
  });

  it('that names nobody is not read', () => {
    expect(parseLogin('')).toBeUndefined();
    expect(parseLogin('DEMO\\')).toBeUndefined();
    expect(parseLogin('x'.repeat(400))).toBeUndefined();
  });

  it('is the same whether its letters are composed or not', () => {
    expect(normalizeLogin('A\u030ASE@x.no')).toBe(normalizeLogin('\u00C5se@x.no'));
  });

  it('has a domain that may be the short one', () => {
    expect(domainMeans('demo', 'demo.example')).toBe(true);
    expect(domainMeans('demo.example', 'demo.example')).toBe(true);
    expect(domainMeans('dem', 'demo.example')).toBe(false);
  });
});
