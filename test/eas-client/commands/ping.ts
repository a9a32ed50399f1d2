/** Ping: the parked request (MS-ASCMD 2.2.1.13). */
import { Ping } from '../../../adapters/activesync/wbxml/code-pages/index.ts';
import { childrenOf } from '../../../adapters/activesync/wbxml/element.ts';
import { encodeTree } from '../../../adapters/activesync/wbxml/writer.ts';
import { type EasClient, StatusError } from '../client.ts';
import { at, el, numberAt } from '../elements.ts';

export interface PingRequest {
  readonly heartbeatSeconds: number;
  readonly folders: readonly { readonly id: string; readonly class: string }[];
  readonly signal?: AbortSignal;
}

export type PingAnswer =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'changes'; readonly folders: readonly string[] }
  /** Status 3: parameters are missing here; send all of them. Status 7: do a FolderSync. Status 8: try later. */
  | { readonly kind: 'status'; readonly status: 3 | 4 | 7 | 8 }
  /** Status 5: the heartbeat is out of bounds; `limit` is one within. */
  | { readonly kind: 'heartbeat'; readonly limit: number }
  /** Status 6: too many folders. */
  | { readonly kind: 'folders'; readonly limit: number };

/** Without a request the server goes by the last one of this device. @throws StatusError on an unknown status. */
export async function ping(client: EasClient, request?: PingRequest): Promise<PingAnswer> {
  const body = request && encodePing(request);
  const seconds = request?.heartbeatSeconds ?? 3_600;
  const { root } = await client.send('Ping', body, { timeoutMs: (seconds + 30) * 1_000, signal: request?.signal });
  const status = numberAt(root, Ping.Status);
  switch (status) {
    case 1:
      return { kind: 'nothing' };
    case 2: {
      const folders = at(root, Ping.Folders);
      return { kind: 'changes', folders: folders ? childrenOf(folders, Ping.Folder).map(({ text }) => text) : [] };
    }
    case 5:
      return { kind: 'heartbeat', limit: numberAt(root, Ping.HeartbeatInterval) ?? 0 };
    case 6:
      return { kind: 'folders', limit: numberAt(root, Ping.MaxFolders) ?? 0 };
    case 3:
    case 4:
    case 7:
    case 8:
      return { kind: 'status', status };
    default:
      throw new StatusError('Ping', status ?? 0);
  }
}

export function encodePing({ heartbeatSeconds, folders }: PingRequest): Buffer {
  const watched = folders.map((folder) => el(Ping.Folder, [el(Ping.Id, folder.id), el(Ping.Class, folder.class)]));
  return encodeTree(el(Ping.Ping, [el(Ping.HeartbeatInterval, String(heartbeatSeconds)), el(Ping.Folders, watched)]));
}
