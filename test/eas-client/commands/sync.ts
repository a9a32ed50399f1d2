/** Sync as a client writes and reads it (MS-ASCMD 2.2.1.21). */
import { AirSync, AirSyncBase } from '../../../adapters/activesync/wbxml/code-pages/index.ts';
import { child, childrenOf, type Element, textOf } from '../../../adapters/activesync/wbxml/element.ts';
import { Writer, writeTree } from '../../../adapters/activesync/wbxml/writer.ts';
import type { EasClient, SendOptions } from '../client.ts';
import { numberAt } from '../elements.ts';

export type SyncCommand =
  /** `data` is an `ApplicationData` element. */
  | { readonly do: 'add'; readonly clientId: string; readonly data: Element }
  /** `instanceId` names one occurrence, from 16.0 on. */
  | { readonly do: 'change'; readonly serverId: string; readonly data: Element; readonly instanceId?: string }
  | { readonly do: 'delete'; readonly serverId: string; readonly instanceId?: string }
  | { readonly do: 'fetch'; readonly serverId: string };

export interface CollectionOptions {
  readonly filterType?: number;
  /** 0: the client's version holds; 1: the server's. */
  readonly conflict?: 0 | 1;
  readonly bodyType?: 1 | 2 | 3 | 4;
  readonly truncationSize?: number;
}

export interface CollectionRequest {
  readonly id: string;
  readonly key: string;
  /** Left out of the request when undefined. */
  readonly getChanges?: boolean;
  readonly deletesAsMoves?: boolean;
  readonly windowSize?: number;
  readonly options?: CollectionOptions;
  /** Tags of properties the client holds; sent with key 0 only. */
  readonly supported?: readonly number[];
  readonly commands?: readonly SyncCommand[];
}

export interface SyncRequest {
  readonly collections: readonly CollectionRequest[];
  readonly waitMinutes?: number;
  readonly heartbeatSeconds?: number;
  readonly windowSize?: number;
  readonly partial?: boolean;
}

export interface ServerResponse {
  readonly do: 'add' | 'change' | 'delete' | 'fetch';
  readonly status: number;
  readonly clientId?: string;
  readonly serverId?: string;
  readonly instanceId?: string;
  readonly data?: Element;
}

export interface ServerCommand {
  readonly do: 'add' | 'change' | 'delete' | 'softDelete';
  readonly serverId: string;
  readonly data?: Element;
}

export interface CollectionAnswer {
  readonly id: string;
  readonly key: string;
  readonly status: number;
  readonly moreAvailable: boolean;
  readonly responses: readonly ServerResponse[];
  readonly commands: readonly ServerCommand[];
}

export interface SyncAnswer {
  /** Of the request as a whole; undefined when the collections have their own. */
  readonly status?: number;
  /** The bound that a wait passed, with Status 14; the most collections, with Status 15. */
  readonly limit?: number;
  readonly collections: readonly CollectionAnswer[];
  /** No body: nothing changed, the keys stand. */
  readonly isEmpty: boolean;
  readonly bytes: number;
}

/** Answers also when statuses in it are no success: they belong to collections. @throws NoAnswer, HttpError. */
export async function sync(client: EasClient, request: SyncRequest, options?: SendOptions): Promise<SyncAnswer> {
  const { root, bytes } = await client.send('Sync', encodeSync(request), options);
  return readSync(root, bytes);
}

export function encodeSync(request: SyncRequest): Buffer {
  const writer = new Writer();
  writer.open(AirSync.Sync);
  if (request.collections.length > 0) {
    writer.open(AirSync.Collections);
    for (const collection of request.collections) writeCollection(writer, collection);
    writer.close();
  }
  if (request.waitMinutes !== undefined) writer.element(AirSync.Wait, String(request.waitMinutes));
  if (request.heartbeatSeconds !== undefined) {
    writer.element(AirSync.HeartbeatInterval, String(request.heartbeatSeconds));
  }
  if (request.windowSize !== undefined) writer.element(AirSync.WindowSize, String(request.windowSize));
  if (request.partial) writer.empty(AirSync.Partial);
  return writer.close().finish();
}

function writeCollection(writer: Writer, collection: CollectionRequest): void {
  const { key, id, supported, getChanges, deletesAsMoves, windowSize, options, commands } = collection;
  writer.open(AirSync.Collection).element(AirSync.SyncKey, key).element(AirSync.CollectionId, id);
  if (supported?.length === 0) writer.empty(AirSync.Supported);
  else if (supported) {
    writer.open(AirSync.Supported);
    for (const tag of supported) writer.empty(tag);
    writer.close();
  }
  if (deletesAsMoves !== undefined) writer.element(AirSync.DeletesAsMoves, deletesAsMoves ? '1' : '0');
  if (getChanges !== undefined) writer.element(AirSync.GetChanges, getChanges ? '1' : '0');
  if (windowSize !== undefined) writer.element(AirSync.WindowSize, String(windowSize));
  if (options) writeOptions(writer, options);
  if (commands && commands.length > 0) {
    writer.open(AirSync.Commands);
    for (const command of commands) writeCommand(writer, command);
    writer.close();
  }
  writer.close();
}

function writeOptions(writer: Writer, options: CollectionOptions): void {
  const { filterType, conflict, bodyType, truncationSize } = options;
  writer.open(AirSync.Options);
  if (filterType !== undefined) writer.element(AirSync.FilterType, String(filterType));
  if (bodyType !== undefined) {
    writer.open(AirSyncBase.BodyPreference).element(AirSyncBase.Type, String(bodyType));
    if (truncationSize !== undefined) writer.element(AirSyncBase.TruncationSize, String(truncationSize));
    writer.close();
  }
  if (conflict !== undefined) writer.element(AirSync.Conflict, String(conflict));
  writer.close();
}

const tags = { add: AirSync.Add, change: AirSync.Change, delete: AirSync.Delete, fetch: AirSync.Fetch } as const;

function writeCommand(writer: Writer, command: SyncCommand): void {
  writer.open(tags[command.do]);
  if (command.do === 'add') writer.element(AirSync.ClientId, command.clientId);
  else writer.element(AirSync.ServerId, command.serverId);
  if ('instanceId' in command && command.instanceId) writer.element(AirSyncBase.InstanceId, command.instanceId);
  if ('data' in command) writeTree(writer, command.data);
  writer.close();
}

const names = new Map<number, ServerResponse['do'] | ServerCommand['do']>([
  [AirSync.Add, 'add'],
  [AirSync.Change, 'change'],
  [AirSync.Delete, 'delete'],
  [AirSync.SoftDelete, 'softDelete'],
  [AirSync.Fetch, 'fetch'],
]);

export function readSync(root: Element | undefined, bytes: number): SyncAnswer {
  if (!root) return { collections: [], isEmpty: true, bytes };
  const collections = child(root, AirSync.Collections);
  return {
    status: numberAt(root, AirSync.Status),
    limit: numberAt(root, AirSync.Limit),
    collections: collections ? childrenOf(collections, AirSync.Collection).map(readCollection) : [],
    isEmpty: false,
    bytes,
  };
}

function readCollection(element: Element): CollectionAnswer {
  const inside = (tag: number) => child(element, tag)?.children ?? [];
  return {
    id: textOf(element, AirSync.CollectionId) ?? '',
    key: textOf(element, AirSync.SyncKey) ?? '0',
    status: numberAt(element, AirSync.Status) ?? 1,
    moreAvailable: child(element, AirSync.MoreAvailable) !== undefined,
    responses: inside(AirSync.Responses).map((response) => ({
      do: names.get(response.tag) as ServerResponse['do'],
      status: numberAt(response, AirSync.Status) ?? 0,
      clientId: textOf(response, AirSync.ClientId),
      serverId: textOf(response, AirSync.ServerId),
      instanceId: textOf(response, AirSyncBase.InstanceId),
      data: child(response, AirSync.ApplicationData),
    })),
    commands: inside(AirSync.Commands).map((command) => ({
      do: names.get(command.tag) as ServerCommand['do'],
      serverId: textOf(command, AirSync.ServerId) ?? '',
      data: child(command, AirSync.ApplicationData),
    })),
  };
}
