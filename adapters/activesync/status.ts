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
