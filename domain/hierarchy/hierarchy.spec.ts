import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Folder, FolderTree } from '../folder/state.ts';
import type { CollectionId } from '../shared/ids.ts';
import { answerHierarchy, type HierarchyAnswer, type HierarchyKey, knownAt, recogniseKey } from './decide.ts';
import type { HierarchyEvent } from './events.ts';
import { applyChanges, evolveHierarchy, type HierarchyState, type KnownFolders } from './state.ts';

const id = (name: string) => name as CollectionId;
const folder = (name: string, displayName = name, parent: string | null = null): Folder => ({
  collection: id(name),
  displayName,
  parent: parent === null ? null : id(parent),
  kind: 'contact',
  wireType: 14,
  access: 'write',
  owner: undefined,
  source: undefined,
});
const tree = (...folders: Folder[]): FolderTree => new Map(folders.map((one) => [one.collection, one]));

/** The server's side of one device's conversation. */
class Server {
  readonly events: HierarchyEvent[] = [];
  state: HierarchyState | null = null;

  ask(key: HierarchyKey | null, folders: FolderTree): HierarchyAnswer | null {
    const isEarlier = key !== null && recogniseKey(this.state, key) === 'earlier';
    const answer = answerHierarchy(this.state, key, folders, isEarlier ? knownAt(this.events, key) : null);
    for (const event of answer?.events ?? []) {
      this.events.push(event);
      this.state = evolveHierarchy(this.state, event);
    }
    return answer;
  }
}

describe('a device and its folders', () => {
  it('is told everything at key 0, and then only what is new', () => {
    const server = new Server();
    const first = server.ask(null, tree(folder('a'), folder('b')))!;
    expect(first.changes.shown.map(({ collection }) => collection)).toEqual(['a', 'b']);
    const second = server.ask(first.key, tree(folder('a', 'new name'), folder('c')))!;
    expect(second.changes.shown.map(({ displayName }) => displayName)).toEqual(['new name', 'c']);
    expect(second.changes.gone).toEqual(['b']);
  });

  it('has nothing stored when nothing is new', () => {
    const server = new Server();
    const folders = tree(folder('a'));
    const { key } = server.ask(null, folders)!;
    const stored = server.events.length;
    for (let i = 0; i < 3; i++) expect(server.ask(key, folders)).toMatchObject({ key, events: [] });
    expect(server.events).toHaveLength(stored);
  });

  it('is given a lost answer again, with the same key and nothing stored', () => {
    const server = new Server();
    const { key } = server.ask(null, tree(folder('a')))!;
    const lost = server.ask(key, tree(folder('a'), folder('b')))!;
    const again = server.ask(key, tree(folder('a'), folder('b')))!;
    expect(again).toMatchObject({ key: lost.key, changes: lost.changes, events: [] });
    const beginning = new Server();
    expect(beginning.ask(null, tree(folder('a')))!.key).toEqual(beginning.ask(null, tree(folder('a')))!.key);
  });

  it('that comes with a key never issued is not served, and nothing is stored', () => {
    const server = new Server();
    expect(server.ask({ epoch: 1, counter: 1 }, tree())).toBeNull();
    server.ask(null, tree(folder('a')));
    const stored = server.events.length;
    for (const key of [
      { epoch: 2, counter: 1 },
      { epoch: 1, counter: 9 },
      { epoch: 0, counter: 0 },
    ]) {
      expect(server.ask(key, tree(folder('a')))).toBeNull();
    }
    expect(server.events).toHaveLength(stored);
  });

  it('is told parents before what lies in them', () => {
    const { changes } = new Server().ask(null, tree(folder('child', 'child', 'parent'), folder('parent')))!;
    expect(changes.shown.map(({ collection }) => collection)).toEqual(['parent', 'child']);
  });

  it('is not told what it did itself, and is told the rest later', () => {
    const server = new Server();
    const { key } = server.ask(null, tree(folder('a')))!;
    const own = { shown: [folder('mine')], gone: [] };
    const now = tree(folder('a'), folder('mine'), folder('others'));
    const answer = answerHierarchy(server.state, key, now, null, own)!;
    for (const event of answer.events) server.state = evolveHierarchy(server.state, event);
    const next = server.ask(answer.key, now)!;
    expect(next.changes.shown.map(({ collection }) => collection)).toEqual(['others']);
  });
});

const someTree = fc
  .uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.constantFrom('one', 'two')), {
    selector: ([name]) => name,
  })
  .map((folders) => tree(...folders.map(([name, displayName]) => folder(name, displayName))));

describe('whatever is lost, repeated or taken up again', () => {
  it('a device that comes with any key it ever got knows the folders after the answer', () => {
    const step = fc.record({ folders: someTree, back: fc.nat({ max: 6 }), lost: fc.boolean(), restart: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
        const server = new Server();
        /** What the device knew by each key it got. */
        const got: { key: HierarchyKey; known: KnownFolders }[] = [];
        for (const { folders, back, lost, restart } of steps) {
          const from = restart === 0 ? undefined : got.at(-1 - (back > 3 ? back - 3 : 0));
          const answer = server.ask(from?.key ?? null, folders);
          expect(answer).not.toBeNull();
          if (!answer) return;
          const known = applyChanges(from?.known ?? new Map(), answer.changes);
          expect([...known.keys()].sort()).toEqual([...folders.keys()].sort());
          for (const one of known.values()) expect(folders.get(one.collection)?.displayName).toBe(one.displayName);
          if (!lost) got.push({ key: answer.key, known });
        }
      }),
      { numRuns: 500 },
    );
  });
});
