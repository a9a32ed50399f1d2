/**
 * A Sync request as it is meant: MS-ASCMD 2.2.1.21. Reading is tolerant of order and of what is absent; what cannot
 * be meant at all is a protocol error.
 */
import type { ItemId } from '../../../../domain/shared/ids.ts';
import { defaultOptions, type SyncOptions } from '../../../../domain/sync/events.ts';
import type { ClientCommand } from '../../conversation/commands.ts';
import type { ProtocolVersion } from '../../version.ts';
import { AirSync, AirSyncBase } from '../../wbxml/code-pages/index.ts';
import { child, childrenOf, type Element, textOf } from '../../wbxml/element.ts';

export interface CollectionRequest {
  readonly collectionId: string;
  readonly syncKey: string;
  readonly getChanges: boolean;
  /** Undefined when absent: the folder's share of the global window, or the default. */
  readonly windowSize: number | undefined;
  readonly options: SyncOptions | undefined;
  readonly supported: readonly number[] | undefined;
  readonly commands: readonly ClientCommand[];
}

export interface SyncRequest {
  readonly collections: readonly CollectionRequest[];
  readonly isPartial: boolean;
  /** How long the client is ready to wait for news; 0 is not at all. */
  readonly waitSeconds: number;
  readonly hasWait: 'Wait' | 'HeartbeatInterval' | undefined;
  readonly windowSize: number | undefined;
}

export type SyncParse =
  | { readonly ok: true; readonly request: SyncRequest }
  | { readonly ok: false; readonly reason: string };

/** Exchange refuses more than 200; phones that came from elsewhere bring whole address books at once. */
export const commandsMax = 2_000;
export const collectionsMax = 300;

class Unreadable extends Error {}

export function parseSync(root: Element, version: ProtocolVersion): SyncParse {
  try {
    return { ok: true, request: request(root, version) };
  } catch (error) {
    if (error instanceof Unreadable) return { ok: false, reason: error.message };
    throw error;
  }
}

function request(root: Element, version: ProtocolVersion): SyncRequest {
  if (root.tag !== AirSync.Sync) throw new Unreadable('The document is not a Sync request.');
  const collections = childrenOf(child(root, AirSync.Collections) ?? root, AirSync.Collection);
  const wait = integer(root, AirSync.Wait);
  const heartbeat = integer(root, AirSync.HeartbeatInterval);
  if (wait !== undefined && heartbeat !== undefined)
    throw new Unreadable('Wait and HeartbeatInterval exclude each other.');
  const parsed = collections.map((element) => collection(element, version));
  const total = parsed.reduce((sum, { commands }) => sum + commands.length, 0);
  if (total > commandsMax) throw new Unreadable(`More than ${commandsMax} commands in one request.`);
  return {
    collections: parsed,
    isPartial: child(root, AirSync.Partial) !== undefined,
    waitSeconds: heartbeat ?? (wait ?? 0) * 60,
    hasWait: heartbeat !== undefined ? 'HeartbeatInterval' : wait !== undefined ? 'Wait' : undefined,
    windowSize: windowSize(root),
  };
}

function collection(element: Element, version: ProtocolVersion): CollectionRequest {
  const syncKey = textOf(element, AirSync.SyncKey);
  const collectionId = textOf(element, AirSync.CollectionId);
  if (syncKey === undefined || syncKey === '') throw new Unreadable('A Collection has no SyncKey.');
  if (!collectionId) throw new Unreadable('A Collection has no CollectionId.');
  const options = childrenOf(element, AirSync.Options);
  const supported = child(element, AirSync.Supported);
  return {
    collectionId,
    syncKey,
    // MS-ASCMD 2.2.3.84: absent means yes, unless the key is 0; empty means yes.
    getChanges: flag(element, AirSync.GetChanges, syncKey !== '0'),
    windowSize: windowSize(element),
    options: options[0] ? readOptions(options[0], element, version) : undefined,
    supported: supported?.children.map(({ tag }) => tag),
    commands: (child(element, AirSync.Commands)?.children ?? []).flatMap(command),
  };
}

function readOptions(options: Element, collectionElement: Element, version: ProtocolVersion): SyncOptions {
  const conflict = integer(options, AirSync.Conflict) ?? integer(collectionElement, AirSync.Conflict);
  return {
    filterType: integer(options, AirSync.FilterType) ?? defaultOptions.filterType,
    conflict: conflict === 0 ? 'clientWins' : 'serverWins',
    bodyPreferences: childrenOf(options, AirSyncBase.BodyPreference).flatMap((preference) =>
      bodyPreference(preference, version),
    ),
  };
}

function bodyPreference(element: Element, version: ProtocolVersion): SyncOptions['bodyPreferences'][number][] {
  const type = integer(element, AirSyncBase.Type);
  if (type !== 1 && type !== 2 && type !== 3 && type !== 4) return [];
  const truncationSize = integer(element, AirSyncBase.TruncationSize);
  const preview = version >= 140 ? integer(element, AirSyncBase.Preview) : undefined;
  const allOrNone = flag(element, AirSyncBase.AllOrNone, false);
  return [
    {
      type,
      ...(truncationSize === undefined ? {} : { truncationSize }),
      ...(allOrNone ? { allOrNone } : {}),
      ...(preview === undefined ? {} : { preview: Math.min(preview, 255) }),
    },
  ];
}

function command(element: Element): ClientCommand[] {
  const data = child(element, AirSync.ApplicationData);
  const item = (textOf(element, AirSync.ServerId) ?? '') as ItemId;
  const instanceId = textOf(element, AirSyncBase.InstanceId);
  const instance = instanceId ? { instanceId } : {};
  switch (element.tag) {
    case AirSync.Add:
      return [{ do: 'add', clientId: textOf(element, AirSync.ClientId) ?? '', data }];
    case AirSync.Change:
      return [{ do: 'change', item, data, ...instance }];
    case AirSync.Delete:
      return [{ do: 'delete', item, ...instance }];
    case AirSync.Fetch:
      return [{ do: 'fetch', item }];
    default:
      return [];
  }
}

/** MS-ASCMD 2.2.3.199: 0 and more than 512 are 512; not a number is a protocol error. */
function windowSize(element: Element): number | undefined {
  const size = integer(element, AirSync.WindowSize);
  if (size === undefined) return undefined;
  return size === 0 || size > 512 ? 512 : size;
}

function flag(element: Element, tag: number, whenAbsent: boolean): boolean {
  const text = textOf(element, tag);
  return text === undefined ? whenAbsent : text !== '0';
}

function integer(element: Element, tag: number): number | undefined {
  const text = textOf(element, tag)?.trim();
  if (text === undefined || text === '') return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new Unreadable('A number is expected where something else stands.');
  return Number(text);
}
