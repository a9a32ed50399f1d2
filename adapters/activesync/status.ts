/**
 * The status codes that this server gives, each with its cause. One table for all commands; numbers of one command
 * mean nothing in another (MS-ASCMD 2.2.3.177).
 */

/** MS-ASCMD 2.2.3.177.17 Status (Sync). */
export const syncStatus = {
  success: 1,
  /** The key was never issued for this device and folder. The client starts over with SyncKey 0. */
  invalidSyncKey: 3,
  /** The request breaks the protocol: an element is missing, contradicts another, or there are too many. */
  protocolError: 4,
  /** Something failed here. The client tries again later. */
  serverError: 5,
  /** The content of an item cannot be understood, or the folder takes no new items. */
  conversionError: 6,
  /** Both sides changed the same and the server's version holds, or the folder is read-only. It is sent again. */
  conflict: 7,
  /** The item does not exist (any more). */
  objectNotFound: 8,
  /** The folder does not exist (any more). The client does a FolderSync. */
  hierarchyChanged: 12,
  /** An empty or partial request whose omitted parts are not remembered here. The client sends the whole. */
  incompleteRequest: 13,
  /** Wait or HeartbeatInterval is out of bounds, which are in Limit. */
  invalidWait: 14,
  /** More collections than are served in one request. */
  tooManyCollections: 15,
  /** Another request of the same device was faster, or the read models lag. The same request again will do. */
  retry: 16,
} as const;

/** MS-ASCMD 2.2.2: what any command may answer, from 14.0 on. Before, HTTP says it. */
export const commonStatus = {
  invalidContent: 101,
  serverErrorRetryLater: 111,
  deviceBlocked: 129,
  /** The device shall wipe itself; Provision tells it. */
  wipeRequested: 140,
  notProvisioned: 142,
  policyRefresh: 143,
  invalidPolicyKey: 144,
  notFullyProvisionable: 139,
  externallyManaged: 145,
} as const;

/** MS-ASCMD 2.2.3.177.3 to .6 Status (FolderCreate, FolderDelete, FolderSync, FolderUpdate). */
export const folderStatus = {
  success: 1,
  /** A folder of that name is there already, or the folder is one that stays as it is. */
  exists: 2,
  /** A default folder, or somebody else's, is not deleted. */
  special: 3,
  unknown: 4,
  parentUnknown: 5,
  serverError: 6,
  /** The key was never issued for this device. The client starts over with SyncKey 0. */
  invalidSyncKey: 9,
  malformed: 10,
} as const;

/** MS-ASCMD 2.2.3.177.11 Status (Ping). */
export const pingStatus = {
  expired: 1,
  changed: 2,
  /** The request leaves out what is not remembered here. The client sends the whole. */
  incomplete: 3,
  malformed: 4,
  /** The interval is out of bounds; the bound goes with it. */
  invalidInterval: 5,
  tooManyFolders: 6,
  hierarchyChanged: 7,
  serverError: 8,
} as const;

/** MS-ASPROV 2.2.2.54.2 Status (Provision). */
export const provisionStatus = { success: 1, protocolError: 2, serverError: 3 } as const;

/** MS-ASPROV 2.2.2.54.1 Status (Policy). */
export const policyStatus = { success: 1, noPolicy: 2, unknownType: 3, wrongKey: 5 } as const;

/** MS-ASCMD 2.2.3.177.7 Status (GetItemEstimate). */
export const estimateStatus = {
  success: 1,
  unknownCollection: 2,
  /** The folder was not begun with SyncKey 0. */
  notPrimed: 3,
  invalidSyncKey: 4,
} as const;

/** MS-ASCMD 2.2.3.177.10 Status (MoveItems): 3 is the good one. */
export const moveStatus = {
  invalidSource: 1,
  invalidDestination: 2,
  success: 3,
  sameFolder: 4,
  failure: 5,
  locked: 7,
} as const;

/** MS-ASCMD 2.2.3.177.8 Status (ItemOperations). */
export const itemOperationsStatus = {
  success: 1,
  protocolError: 2,
  serverError: 3,
  notFound: 6,
  unknownStore: 9,
  conversionFailed: 14,
  invalidAttachment: 15,
} as const;

/** MS-ASCMD 2.2.3.177.15 Status (Settings). */
export const settingsStatus = {
  success: 1,
  protocolError: 2,
  accessDenied: 3,
  serverUnavailable: 4,
  invalidArguments: 5,
  deniedByPolicy: 7,
} as const;

/** MS-ASCMD 2.2.3.177.13 Status (Search). */
export const searchStatus = { success: 1, invalidRequest: 2, serverError: 3 } as const;
