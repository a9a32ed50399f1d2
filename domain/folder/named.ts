import type { Folder, FolderTree } from './state.ts';

/** The folder that a person means by its id or, whatever the case, by its name; the first one where two are named so. */
export function folderNamed(tree: FolderTree, named: string): Folder | undefined {
  const folders = [...tree.values()];
  const wanted = named.trim().toLowerCase();
  return (
    folders.find(({ collection }) => collection === named) ??
    folders.find(({ displayName }) => displayName.toLowerCase() === wanted)
  );
}
