/** What the guard looks at in a request: which it is, and the keys that it presents. */
import { hash } from 'node:crypto';
import type { CommandName } from '../http/command-names.ts';
import { AirSync, FolderHierarchy } from '../wbxml/code-pages/index.ts';
import { child, type Element, textOf } from '../wbxml/element.ts';

export interface PresentedKey {
  /** The folder; `folders` for the key of the hierarchy. */
  readonly scope: string;
  readonly key: string;
  /** The device asks for something to be changed. */
  readonly hasCommands: boolean;
}

/** Of a longer body the beginning counts, and the length. */
const digestedBytesMax = 65_536;
/** A request may name hundreds of folders, a phone has a few. */
const keysMax = 32;
const scopeMax = 64;
const none: readonly PresentedKey[] = Object.freeze([]);

/** The same for the same command with the same body. */
export function digestOf(command: CommandName, body: Uint8Array | undefined): string {
  if (!body || body.length === 0) return command;
  const digest = hash('sha1', body.length > digestedBytesMax ? body.subarray(0, digestedBytesMax) : body, 'base64');
  return `${command} ${body.length} ${digest.slice(0, 12)}`;
}

/** The sync keys that a request presents, of each folder or of the list of folders; without a body none. */
export function keysOf(command: CommandName, root: Element | undefined): readonly PresentedKey[] {
  if (!root) return none;
  if (command !== 'Sync') {
    const key = textOf(root, FolderHierarchy.SyncKey);
    return key ? [{ scope: 'folders', key, hasCommands: command !== 'FolderSync' }] : none;
  }
  const keys: PresentedKey[] = [];
  for (const collection of child(root, AirSync.Collections)?.children ?? []) {
    const scope = textOf(collection, AirSync.CollectionId)?.slice(0, scopeMax);
    const key = textOf(collection, AirSync.SyncKey);
    if (!scope || !key) continue;
    keys.push({ scope, key: key.slice(0, scopeMax), hasCommands: child(collection, AirSync.Commands) !== undefined });
    if (keys.length >= keysMax) break;
  }
  return keys;
}
