import { describe, expect, it } from 'vitest';
import type { ItemState } from '../item/state.ts';
import type { Actor } from '../shared/event.ts';
import type { AccountId, CollectionId, DeviceKey, ItemId, StreamName } from '../shared/ids.ts';
import { itemStream } from '../shared/streams.ts';
import { type LinkEvent, linkStream } from './events.ts';
import { evolveLink, noLink } from './link.ts';
import { plan } from './plan.ts';
import { react } from './react.ts';

const kari = 'kari1' as AccountId;
const home = 'home1' as CollectionId;
const phone: Actor = { kind: 'device', account: kari, device: 'dev1' as DeviceKey };

describe('a reaction', () => {
  const stream = itemStream('contact', 'i1' as ItemId);
  const intent = { item: 'i1', kind: 'contact', account: kari };

  it('follows whatever a device does to an item', () => {
    for (const type of ['ContactAdded', 'ContactChanged', 'ContactMoved', 'ContactRemoved'])
      expect(react({ stream, type, actor: phone })).toEqual(intent);
  });

  it('follows what an administrator does, on behalf of the owner', () => {
    expect(react({ stream, type: 'ContactChanged', actor: { kind: 'admin' } })).toEqual({ ...intent, account: null });
  });

  it('does not follow what came from the office, what lost, or what is no item', () => {
    const office: Actor = { kind: 'office', account: kari };
    expect(react({ stream, type: 'ContactChanged', actor: office })).toBeUndefined();
    expect(react({ stream, type: 'ContactConflictKept', actor: phone })).toBeUndefined();
    expect(react({ stream: linkStream('i1' as ItemId), type: 'OfficeMissed', actor: phone })).toBeUndefined();
    expect(react({ stream: 'sync-d-c' as StreamName, type: 'SyncAnswered', actor: phone })).toBeUndefined();
  });
});

describe('a plan', () => {
  const item = (more: Partial<ItemState> = {}): ItemState => ({
    kind: 'contact',
    owner: kari,
    collection: home,
    removed: false,
    version: 3,
    fields: {},
    ...more,
  });
  const data = { system: 'fake', home: home as string, record: 'r1', hash: 'old', fields: {}, itemRevision: 1 };
  const observed: LinkEvent = { type: 'OfficeObserved', version: 1, data };
  const held = { ...data, home };
  const attempted = (action: 'create' | 'update' | 'delete'): LinkEvent => ({
    type: 'WriteBackAttempted',
    version: 1,
    data: { action, account: kari, home, itemRevision: 3 },
  });
  const refused = (action: 'create' | 'update' | 'delete', itemRevision = 3): LinkEvent => ({
    type: 'WriteBackRefused',
    version: 1,
    data: { action, reason: 'no', itemRevision },
  });
  const given = (...events: LinkEvent[]) => {
    const link = events.reduce(evolveLink, noLink);
    return (state: ItemState, hash: string | null = 'new', isFromOffice = false) =>
      plan({ item: state, link, hash, isFromOffice });
  };

  it('creates what the office has not got', () => {
    expect(given()(item())).toEqual({ do: 'create', home, hash: 'new' });
  });

  it('never creates what came from the office and has no record noted yet', () => {
    expect(given()(item(), 'new', true)).toEqual({ do: 'await' });
    expect(given(observed, { type: 'OfficeGone', version: 1, data: { record: 'r1' } })(item(), 'new', true)).toEqual({
      do: 'create',
      home,
      hash: 'new',
    });
  });

  it('updates what differs and leaves what does not', () => {
    expect(given(observed)(item())).toEqual({ do: 'update', held, hash: 'new' });
    expect(given(observed)(item(), 'old')).toEqual({ do: 'settle' });
  });

  it('deletes what was removed, and what moved to where the office does not reach', () => {
    expect(given(observed)(item({ removed: true }))).toEqual({ do: 'delete', held, isMove: false });
    expect(given(observed)(item({ collection: 'other' as CollectionId }), null)).toEqual({
      do: 'delete',
      held,
      isMove: true,
    });
    expect(given()(item({ removed: true }))).toEqual({ do: 'settle' });
    expect(given()(item(), null)).toEqual({ do: 'settle' });
  });

  it('moves by deleting first', () => {
    expect(given(observed)(item({ collection: 'other' as CollectionId }))).toEqual({
      do: 'delete',
      held,
      isMove: true,
    });
  });

  it('looks up an attempt without an answer before anything else', () => {
    for (const action of ['create', 'update', 'delete'] as const) {
      expect(given(observed, attempted(action))(item())).toMatchObject({ do: 'readBack', attempt: { action } });
      const unknown: LinkEvent = { type: 'WriteBackOutcomeUnknown', version: 1, data: { action } };
      expect(given(observed, attempted(action), unknown)(item())).toMatchObject({ do: 'readBack' });
      const done: LinkEvent = { type: 'WriteBackNotDone', version: 1, data: { action } };
      expect(given(observed, attempted(action), done)(item())).toMatchObject({ do: 'update' });
    }
  });

  it('corrects the item after a refusal, unless it was changed again since', () => {
    const { reason } = { reason: 'no' };
    expect(given(observed, refused('update'))(item())).toEqual({ do: 'correct', held, refused: reason });
    expect(given(observed, refused('delete'))(item({ removed: true }))).toEqual({
      do: 'correct',
      held,
      refused: reason,
    });
    expect(given(refused('create'))(item())).toEqual({ do: 'settle', refused: reason });
    expect(given(observed, refused('update', 2))(item())).toMatchObject({ do: 'update' });
    expect(given(refused('create', 2))(item())).toMatchObject({ do: 'create' });
  });

  it('forgets a refusal when a later write was confirmed', () => {
    const confirmed: LinkEvent = { type: 'WriteBackConfirmed', version: 1, data: { ...data, action: 'update' } };
    expect(given(observed, refused('update'), confirmed)(item())).toMatchObject({ do: 'update' });
  });
});
