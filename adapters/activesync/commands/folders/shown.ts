/** Which folders a device is shown: those whose class its version of the protocol has. */
import type { Folder, FolderTree } from '../../../../domain/folder/state.ts';
import type { ItemKind } from '../../../../domain/item/fields.ts';
import type { ProtocolVersion } from '../../version.ts';

/** Notes came with 14.0 (MS-ASNOTE 2.2.2; MS-ASCMD 2.2.3.27.4). */
export function hasClass(version: ProtocolVersion, kind: ItemKind): boolean {
  return kind !== 'note' || version >= 140;
}

const withoutNotes = new WeakMap<FolderTree, FolderTree>();

/** The same tree gives the same answer, so that it can be told from another by identity. */
export function shownFolders(tree: FolderTree, version: ProtocolVersion): FolderTree {
  if (hasClass(version, 'note')) return tree;
  let shown = withoutNotes.get(tree);
  if (!shown) {
    const isShown = ([, { kind }]: readonly [unknown, Folder]): boolean => hasClass(version, kind);
    withoutNotes.set(tree, (shown = new Map([...tree].filter(isShown))));
  }
  return shown;
}
