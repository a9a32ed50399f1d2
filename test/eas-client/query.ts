/** The query of a request URI, as text and in base64 (MS-ASHTTP 2.2.1.1.1). */
import type { ProtocolVersion } from '../../adapters/activesync/version.ts';

/** Command codes of the base64 form (MS-ASHTTP 2.2.1.1.1.1.2). */
export const commandCodes = {
  Sync: 0,
  SendMail: 1,
  SmartForward: 2,
  SmartReply: 3,
  GetAttachment: 4,
  FolderSync: 9,
  FolderCreate: 10,
  FolderDelete: 11,
  FolderUpdate: 12,
  MoveItems: 13,
  GetItemEstimate: 14,
  MeetingResponse: 15,
  Search: 16,
  Settings: 17,
  Ping: 18,
  ItemOperations: 19,
  Provision: 20,
  ResolveRecipients: 21,
  ValidateCert: 22,
  Find: 23,
} as const;
export type Command = keyof typeof commandCodes;

export interface QueryParts {
  readonly command: Command;
  readonly user: string;
  readonly deviceId: string;
  readonly deviceType: string;
  readonly version: ProtocolVersion;
  readonly policyKey: string;
}

export const easPath = '/Microsoft-Server-ActiveSync';

export function plainQuery({ command, user, deviceId, deviceType }: QueryParts): string {
  return `Cmd=${command}&User=${encodeURIComponent(user)}&DeviceId=${encodeURIComponent(deviceId)}&DeviceType=${encodeURIComponent(deviceType)}`;
}

const norwegian = 0x0414;
const userParameter = 8;

/** @throws RangeError when a part is longer than its length byte can say. */
export function base64Query(parts: QueryParts): string {
  const policyKey = Number(parts.policyKey);
  const key = Buffer.alloc(policyKey === 0 ? 0 : 4);
  if (policyKey !== 0) key.writeUInt32LE(policyKey);
  const locale = Buffer.alloc(2);
  locale.writeUInt16LE(norwegian);
  return Buffer.concat([
    Buffer.from([parts.version, commandCodes[parts.command]]),
    locale,
    measured(Buffer.from(parts.deviceId)),
    measured(key),
    measured(Buffer.from(parts.deviceType)),
    Buffer.from([userParameter]),
    measured(Buffer.from(parts.user)),
  ]).toString('base64');
}

function measured(bytes: Buffer): Buffer {
  if (bytes.length > 255) throw new RangeError('a part of a base64 query has at most 255 bytes');
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}
