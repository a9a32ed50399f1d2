import { describe, expect, it } from 'vitest';
import type { Instant, ItemId } from '../shared/ids.ts';
import { type Explanation, explain, type WhereaboutsCause } from './explain.ts';
import type { ConversationFacts, WhereaboutsFacts } from './facts.ts';

const monday = { at: '2026-03-02T09:00:00.000Z' as Instant, who: 'kari@demo.example, iPhone APPL1' };

const there: WhereaboutsFacts = {
  item: {
    ...{ item: 'a' as ItemId, standing: 'live', kind: 'appointment', mergedInto: null, version: 3, last: monday },
    ...{ erased: null, refusedByOffice: null, endsAt: null },
  },
  device: { deviceId: 'APPL2', standing: 'welcome', lastSeenAt: '2026-03-03T09:00:00.000Z' as Instant },
  folder: { name: 'Calendar', access: 'write', isForeign: false },
  conversation: {
    ...{ key: '1.4', held: { version: 3, isCurrent: true }, offered: null, isStale: false, heldBack: null },
    ...{ isRead: true, filter: null, passesFilter: true, isTimesOnly: false },
  },
  withheld: null,
  refusal: null,
};
type Part = { [Name in keyof WhereaboutsFacts]?: Partial<WhereaboutsFacts[Name]> | null };
function facts(part: Part): WhereaboutsFacts {
  const merged = Object.entries(part).map(([name, value]) => [
    name,
    value !== null && typeof value === 'object'
      ? { ...(there[name as keyof WhereaboutsFacts] as object | null), ...value }
      : value,
  ]);
  return { ...there, ...Object.fromEntries(merged) };
}
const talk = (part: Partial<ConversationFacts>, more: Part = {}) => facts({ ...more, conversation: part });
const notHeld = { held: null } as const;
const old = { held: { version: 2, isCurrent: false } } as const;
const removed = { standing: 'removed' } as const;

const cases: Record<WhereaboutsCause, [WhereaboutsFacts, Explanation['isOnDevice'], RegExp]> = {
  unknownItem: [facts({ item: { standing: 'unknown' } }), 'no', /no item a/],
  erased: [facts({ item: { standing: 'erased', erased: monday } }), 'no', /erased on 2026-03-02.* by kari/],
  merged: [facts({ item: { standing: 'merged', mergedInto: 'b' as ItemId } }), 'no', /same as b/],
  deviceUnknown: [facts({ device: { standing: 'unknown' } }), 'no', /no device APPL2/],
  deviceWiped: [facts({ device: { standing: 'wipeRequested' } }), 'no', /to be wiped/],
  deviceBlocked: [facts({ device: { standing: 'blocked' } }), 'perhaps', /blocked.*last there on 2026-03-03/],
  notPermitted: [facts({ folder: null, conversation: null }), 'no', /not shown to this person/],
  folderNotSynced: [facts({ conversation: null }), 'no', /never asked for the folder Calendar/],
  heldBack: [talk({ ...notHeld, heldBack: 'deleted' }), 'no', /deleted the item itself/],
  removalOffered: [talk({ offered: { op: 'delete', version: 0 } }), 'perhaps', /key 1\.4 to take the item away/],
  offered: [talk({ ...notHeld, offered: { op: 'add', version: 3 } }), 'perhaps', /Version 3 .* key 1\.4/],
  removalWaits: [facts({ item: removed }), 'yes', /still holds it/],
  refusedByOffice: [talk(notHeld, { item: { ...removed, refusedByOffice: 'no subject' } }), 'no', /\(no subject\)/],
  removed: [talk(notHeld, { item: removed }), 'no', /deleted on 2026-03-02.* by kari/],
  leavesByFilter: [talk({ passesFilter: false, filter: 'open tasks' }), 'yes', /outside.*\(open tasks\)/],
  filter: [
    talk({ ...notHeld, passesFilter: false, filter: 'open tasks' }, { item: { endsAt: monday.at } }),
    'no',
    /open tasks only.* ended on 2026-03-02/,
  ],
  changeWithheld: [talk(old, { withheld: 'a fault' }), 'yes', /version 2; version 3 cannot.*\(a fault\)/],
  withheld: [talk(notHeld, { withheld: 'a fault' }), 'no', /cannot be shown.*\(a fault\)/],
  changeRefused: [
    talk({ ...old, isStale: true }, { refusal: { at: monday.at, status: 7 } }),
    'yes',
    /refused with Status 7/,
  ],
  changeWaits: [talk(old), 'yes', /holds version 2; version 3 on 2026-03-02/],
  timesOnly: [talk({ isTimesOnly: true }), 'yes', /private one of another person/],
  onDevice: [there, 'yes', /in the folder Calendar, in its present version 3/],
  notThereSince: [
    talk({ ...notHeld, isRead: false }, { device: { lastSeenAt: '2026-03-01T09:00:00.000Z' as Instant } }),
    'no',
    /has not been there since/,
  ],
  windowNotReached: [talk({ ...notHeld, isRead: false }), 'no', /in portions/],
  unexplained: [talk(notHeld), 'no', /begin the folder anew/],
};

describe('why an item is, or is not, on a device', () => {
  it.each(Object.entries(cases))('%s', (cause, [given, isOnDevice, words]) => {
    const found = explain(given);
    expect(found).toMatchObject({ cause, isOnDevice });
    expect(found.sentence).toMatch(words);
    expect(found.sentence).toMatch(/^[A-Z].*\.$/);
    expect(found.sentence).not.toMatch(/undefined|null|NaN/);
  });

  it('what is gone for everybody comes before what is wrong with one device', () => {
    const blocked = { device: { standing: 'blocked' } } as const;
    expect(explain(facts({ item: { standing: 'erased' }, ...blocked })).cause).toBe('erased');
    expect(explain(facts({ item: { standing: 'live' }, folder: null, ...blocked })).cause).toBe('deviceBlocked');
  });

  it('a version that looks the same on the device is no news', () => {
    expect(explain(talk({ held: { version: 2, isCurrent: true }, isRead: false })).cause).toBe('onDevice');
  });
});
