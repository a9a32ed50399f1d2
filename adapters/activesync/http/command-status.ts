/** A command's answer that is a status and nothing else: its root element with `Status` in it (MS-ASCMD 2.2.2). */
import type { CommandAnswer } from '../request.ts';
import {
  commonStatus,
  folderStatus,
  itemOperationsStatus,
  pingStatus,
  provisionStatus,
  searchStatus,
  settingsStatus,
  syncStatus,
} from '../status.ts';
import type { ProtocolVersion } from '../version.ts';
import {
  AirSync,
  FolderHierarchy,
  GetItemEstimate,
  ItemOperations,
  Move,
  Ping,
  Provision,
  Search,
  Settings,
} from '../wbxml/code-pages/index.ts';
import type { Tag } from '../wbxml/element.ts';
import { Writer } from '../wbxml/writer.ts';
import type { CommandName } from './command-names.ts';

interface Shape {
  readonly root: Tag;
  readonly status: Tag;
  /** What the command says when something failed here; undefined where it has no number of its own. */
  readonly serverError: number | undefined;
  /** When the same request again will do. */
  readonly retry?: number;
}

const { FolderSync, FolderCreate, FolderDelete, FolderUpdate, Status } = FolderHierarchy;
const folder = (root: Tag): Shape => ({ root, status: Status, serverError: folderStatus.serverError });

const shapes: Readonly<Record<CommandName, Shape>> = {
  Sync: {
    root: AirSync.Sync,
    status: AirSync.Status,
    serverError: syncStatus.serverError,
    retry: syncStatus.retry,
  },
  FolderSync: folder(FolderSync),
  FolderCreate: folder(FolderCreate),
  FolderDelete: folder(FolderDelete),
  FolderUpdate: folder(FolderUpdate),
  MoveItems: { root: Move.MoveItems, status: Move.Status, serverError: undefined },
  GetItemEstimate: { root: GetItemEstimate.GetItemEstimate, status: GetItemEstimate.Status, serverError: undefined },
  Search: { root: Search.Search, status: Search.Status, serverError: searchStatus.serverError },
  Settings: { root: Settings.Settings, status: Settings.Status, serverError: settingsStatus.serverUnavailable },
  Ping: { root: Ping.Ping, status: Ping.Status, serverError: pingStatus.serverError },
  ItemOperations: {
    root: ItemOperations.ItemOperations,
    status: ItemOperations.Status,
    serverError: itemOperationsStatus.serverError,
  },
  Provision: { root: Provision.Provision, status: Provision.Status, serverError: provisionStatus.serverError },
};

/** The shortest answer of a command: its root with the status. */
export function statusAnswer(command: CommandName, status: number): CommandAnswer {
  const shape = shapes[command];
  const body = new Writer().open(shape.root).element(shape.status, String(status)).close().finish();
  return { kind: 'wbxml', body };
}

/**
 * Something failed here. Told by the command's own status, since phones then wait and try again, where some take HTTP
 * 500 for a broken account.
 */
export function failureAnswer(command: CommandName, version: ProtocolVersion, error: unknown): CommandAnswer {
  const { serverError, retry } = shapes[command];
  if (isTransient(error) && retry !== undefined && version >= 140) return statusAnswer(command, retry);
  if (serverError !== undefined) return statusAnswer(command, serverError);
  if (version >= 140) return statusAnswer(command, commonStatus.serverErrorRetryLater);
  return { kind: 'http', status: 503, headers: { 'retry-after': '60' } };
}

/** While a store is away for some seconds: long enough for many to come again, short enough that nobody notices. */
const awaySeconds = 10;

/**
 * A store that everything needs cannot be reached. Said by HTTP and not by the command's status, since phones begin a
 * folder anew after a few of those (MS-ASCMD 2.2.3.177.17, 5).
 */
export const awayAnswer: CommandAnswer & { kind: 'http' } = {
  kind: 'http',
  status: 503,
  headers: { 'retry-after': String(awaySeconds) },
};

/** Somebody else was faster, or the read models lag: the same request again will do. */
function isTransient(error: unknown): boolean {
  return error instanceof Error && ['ViewBehind', 'ItemContended', 'StreamBusy'].includes(error.name);
}
