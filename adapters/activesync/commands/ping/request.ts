/** A Ping request as it is meant: MS-ASCMD 2.2.1.13. */
import { Ping } from '../../wbxml/code-pages/index.ts';
import { child, childrenOf, type Element, textOf } from '../../wbxml/element.ts';

export interface PingRequest {
  /** Undefined when absent: as in the request before. */
  readonly heartbeatSeconds: number | undefined;
  /** CollectionIds as sent, each once. Undefined when absent. */
  readonly folders: readonly string[] | undefined;
}

/** `malformed` is what cannot be meant. A request without a body says nothing, which is legal. */
export function parsePing(root: Element | undefined): PingRequest | 'malformed' {
  if (!root) return { heartbeatSeconds: undefined, folders: undefined };
  if (root.tag !== Ping.Ping) return 'malformed';
  const heartbeat = textOf(root, Ping.HeartbeatInterval)?.trim();
  if (heartbeat !== undefined && !/^\d{1,9}$/.test(heartbeat)) return 'malformed';
  const element = child(root, Ping.Folders);
  const ids = element && childrenOf(element, Ping.Folder).map((folder) => textOf(folder, Ping.Id));
  if (ids?.some((id) => id === undefined || id === '')) return 'malformed';
  return {
    heartbeatSeconds: heartbeat === undefined ? undefined : Number(heartbeat),
    folders: ids && ids.length > 0 ? [...new Set(ids as string[])] : undefined,
  };
}
