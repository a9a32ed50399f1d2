import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AccountId, CollectionId } from '../shared/ids.ts';
import { decideFolders, type FolderCommand, maxFolders, type NewFolder } from './decide.ts';
import type { FolderEvent } from './events.ts';
import { evolveFolders, type FolderTree, noFolders } from './state.ts';

const id = (name: string) => name as CollectionId;
const folder = (name: string, parent: string | null = null): NewFolder => ({
  collection: id(name),
  kind: 'appointment',
  displayName: name,
  parent: parent === null ? null : id(parent),
});
const calendar: NewFolder = { ...folder('Calendar'), wireType: 8 };
const shared: NewFolder = { ...folder('Ola'), access: 'read', owner: 'ola1' as AccountId, source: id('olacal') };

const run = (tree: FolderTree, command: FolderCommand): FolderTree => {
  const decision = decideFolders(tree, command);
  if (decision.kind === 'refused') throw new Error(decision.reason);
  return decision.events.reduce(evolveFolders, tree);
};
const base = run(noFolders, { type: 'establish', folders: [calendar, shared] });
const withWork = run(run(base, { type: 'create', folder: folder('Work') }), {
  type: 'create',
  folder: folder('Deep', 'Work'),
});
const refused = (tree: FolderTree, command: FolderCommand) => {
  const decision = decideFolders(tree, command);
  return decision.kind === 'refused' ? decision.reason : decision.events;
};
const update = (name: string, displayName: string, parent: string | null = null): FolderCommand => ({
  type: 'update',
  collection: id(name),
  displayName,
  parent: parent === null ? null : id(parent),
});

describe('the folders of an account', () => {
  it('are established once', () => {
    expect([...base.values()].map(({ displayName, wireType, access }) => [displayName, wireType, access])).toEqual([
      ['Calendar', 8, 'write'],
      ['Ola', 13, 'read'],
    ]);
    expect(refused(base, { type: 'establish', folders: [calendar, shared] })).toEqual([]);
  });

  it('are made by people with the type of what they hold', () => {
    expect(withWork.get(id('Work'))).toMatchObject({ wireType: 13, parent: null });
    expect(refused(base, { type: 'create', folder: { ...folder('X'), wireType: 8 } })).toBe('wrongType');
    expect(refused(base, { type: 'create', folder: folder('X', 'nowhere') })).toBe('parentUnknown');
    expect(refused(base, { type: 'create', folder: folder('  ') })).toBe('badName');
  });

  it('have names that are unique beside each other, in any letter case', () => {
    expect(refused(base, { type: 'create', folder: { ...folder('new'), displayName: 'CALENDAR' } })).toBe('exists');
    expect(refused(withWork, update('Deep', 'work'))).toBe('exists');
    expect(refused(withWork, update('Deep', 'Calendar', 'Work'))).toEqual([
      { type: 'FolderRenamed', version: 1, data: { collection: 'Deep', displayName: 'Calendar' } },
    ]);
  });

  it('that everyone has, or that are another person’s, are neither renamed nor deleted', () => {
    for (const name of ['Calendar', 'Ola']) {
      expect(refused(base, update(name, 'Mine'))).toBe('special');
      expect(refused(base, { type: 'delete', collection: id(name) })).toBe('special');
    }
  });

  it('keep their id when renamed and moved', () => {
    const moved = run(withWork, update('Deep', 'Shallow'));
    expect(moved.get(id('Deep'))).toMatchObject({ displayName: 'Shallow', parent: null, collection: 'Deep' });
    expect(refused(moved, update('Deep', 'Shallow'))).toEqual([]);
  });

  it('do not move into themselves', () => {
    expect(refused(withWork, update('Work', 'Work', 'Deep'))).toBe('cycle');
    expect(refused(withWork, update('Work', 'Work', 'Work'))).toBe('cycle');
  });

  it('go with what lies in them, the deepest first', () => {
    expect(refused(withWork, { type: 'delete', collection: id('Work') })).toEqual([
      { type: 'FolderRemoved', version: 1, data: { collection: 'Deep' } },
      { type: 'FolderRemoved', version: 1, data: { collection: 'Work' } },
    ] satisfies FolderEvent[]);
    expect(refused(withWork, { type: 'delete', collection: id('nowhere') })).toBe('unknown');
  });

  it('that were shared are withdrawn by the system, once', () => {
    const withdrawn = run(base, { type: 'withdraw', collection: id('Ola') });
    expect(withdrawn.has(id('Ola'))).toBe(false);
    expect(refused(withdrawn, { type: 'withdraw', collection: id('Ola') })).toEqual([]);
  });

  it('have an end', () => {
    const folders = Array.from({ length: maxFolders }, (_, n) => folder(`f${n}`));
    const full = run(noFolders, { type: 'establish', folders });
    expect(refused(full, { type: 'create', folder: folder('more') })).toBe('tooMany');
  });

  it('stay a tree, whatever is asked for', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd');
    const parent = fc.option(name.map(id), { nil: null });
    const command: fc.Arbitrary<FolderCommand> = fc.oneof(
      fc.record({ type: fc.constant('create' as const), folder: fc.tuple(name, parent).map(([n, p]) => folder(n, p)) }),
      fc.record({ type: fc.constant('update' as const), collection: name.map(id), displayName: name, parent }),
      fc.record({ type: fc.constant('delete' as const), collection: name.map(id) }),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
        let tree: FolderTree = noFolders;
        for (const next of commands) {
          const decision = decideFolders(tree, next);
          if (decision.kind === 'accepted') tree = decision.events.reduce(evolveFolders, tree);
          for (const { collection } of tree.values()) {
            let at: CollectionId | null = collection;
            for (let steps = 0; at !== null; steps++) {
              expect(steps).toBeLessThanOrEqual(tree.size);
              expect(tree.has(at)).toBe(true);
              at = tree.get(at)!.parent;
            }
          }
        }
      }),
    );
  });
});
