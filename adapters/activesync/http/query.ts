/**
 * What the request line says: the plain form (`Cmd=Sync&User=…&DeviceId=…&DeviceType=…`, MS-ASHTTP 2.2.1.1.1.2) or the
 * base64 form of bytes (MS-ASHTTP 2.2.1.1.1.1).
 */
import { commandByCode } from './command-names.ts';

export interface Query {
  /** As the client wrote it, or by its code. */
  readonly command: string;
  readonly user: string | undefined;
  readonly deviceId: string;
  readonly deviceType: string;
  /** The version times ten, in the base64 form only. */
  readonly version: number | undefined;
  /** In the base64 form only; undefined when there is none. */
  readonly policyKey: string | undefined;
  /** A Windows locale id, in the base64 form only. */
  readonly locale: number | undefined;
  readonly parameters: QueryParameters;
}

/** MS-ASHTTP 2.2.1.1.1.1.3 and 2.2.1.1.1.2.5. */
export interface QueryParameters {
  readonly attachmentName?: string;
  readonly collectionId?: string;
  readonly itemId?: string;
  readonly longId?: string;
  readonly occurrence?: string;
  readonly saveInSent?: boolean;
  readonly acceptMultiPart?: boolean;
}

export type QueryParse =
  | { readonly ok: true; readonly query: Query }
  /** For the client: holds nothing of what it sent. */
  | { readonly ok: false; readonly reason: string };

const deviceIdMax = 64;
const deviceTypeMax = 64;
const queryMax = 4_096;
const noParameters: QueryParameters = Object.freeze({});

/** @param text what follows the question mark, as it came. Never throws. */
export function parseQuery(text: string): QueryParse {
  if (text.length > queryMax) return wrong('The query is too long.');
  return isPlain(text) ? parsePlain(text) : parseBase64(text);
}

/** Base64 has its equals signs at the end only, and no ampersand. */
function isPlain(text: string): boolean {
  if (text.includes('&')) return true;
  const equals = text.indexOf('=');
  return equals > 0 && equals < text.length - 2;
}

function parsePlain(text: string): QueryParse {
  let command = '';
  let user: string | undefined;
  let deviceId = '';
  let deviceType = '';
  let parameters: Record<string, string | boolean> | undefined;
  for (const pair of text.split('&')) {
    const equals = pair.indexOf('=');
    if (equals < 0) continue;
    const value = decoded(pair.slice(equals + 1));
    if (value === undefined) return wrong('The query is not well encoded.');
    switch (pair.slice(0, equals).toLowerCase()) {
      case 'cmd':
        command = value;
        break;
      case 'user':
        user = value;
        break;
      case 'deviceid':
        deviceId = value;
        break;
      case 'devicetype':
        deviceType = value;
        break;
      case 'attachmentname':
        parameters = { ...parameters, attachmentName: value };
        break;
      case 'collectionid':
        parameters = { ...parameters, collectionId: value };
        break;
      case 'itemid':
        parameters = { ...parameters, itemId: value };
        break;
      case 'longid':
        parameters = { ...parameters, longId: value };
        break;
      case 'occurrence':
        parameters = { ...parameters, occurrence: value };
        break;
      case 'saveinsent':
        parameters = { ...parameters, saveInSent: value === 'T' || value === 't' };
        break;
    }
  }
  return checked({
    command,
    user,
    deviceId,
    deviceType,
    version: undefined,
    policyKey: undefined,
    locale: undefined,
    parameters: parameters ?? noParameters,
  });
}

function decoded(value: string): string | undefined {
  if (!value.includes('%') && !value.includes('+')) return value;
  // A plus is itself: clients do not write addresses as forms do, and `kari+phone@` is an address.
  try {
    return decodeURIComponent(value);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

/** Fields in this order: version, command code, locale (2, little endian), then id, key and type with their lengths. */
function parseBase64(text: string): QueryParse {
  const plain = decoded(text);
  if (plain === undefined || plain === '') return wrong('The query names no command.');
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(plain)) return wrong('The query is neither plain nor base64.');
  const bytes = Buffer.from(plain, 'base64');
  if (bytes.length < 5) return wrong('The query is cut short.');
  let at = 4;
  const take = (): Buffer | undefined => {
    const length = bytes[at];
    if (length === undefined || at + 1 + length > bytes.length) return undefined;
    const field = bytes.subarray(at + 1, at + 1 + length);
    at += 1 + length;
    return field;
  };
  const deviceId = take();
  const policyKey = deviceId && take();
  const deviceType = policyKey && take();
  if (!deviceId || !policyKey || !deviceType) return wrong('The query is cut short.');
  if (policyKey.length !== 0 && policyKey.length !== 4) return wrong('The policy key has no such length.');
  const command = commandByCode(bytes[1] as number);
  if (command === undefined) return wrong('No command has this code.');
  const parameters: Record<string, string | boolean> = {};
  let user: string | undefined;
  while (at < bytes.length) {
    const tag = bytes[at++];
    const value = take();
    if (!value) return wrong('The query is cut short.');
    if (tag === 7) {
      parameters.saveInSent = ((value[0] ?? 0) & 0x01) !== 0;
      parameters.acceptMultiPart = ((value[0] ?? 0) & 0x02) !== 0;
    } else if (tag === 8) user = value.toString('utf8');
    else {
      const name = parameterByTag[tag as number];
      if (name) parameters[name] = value.toString('utf8');
    }
  }
  return checked({
    command,
    user,
    deviceId: idText(deviceId),
    deviceType: deviceType.toString('latin1'),
    version: bytes[0],
    policyKey: policyKey.length === 4 ? String(policyKey.readUInt32LE(0)) : undefined,
    locale: bytes.readUInt16LE(2),
    parameters,
  });
}

const parameterByTag: Readonly<Record<number, keyof QueryParameters>> = {
  0: 'attachmentName',
  1: 'collectionId',
  3: 'itemId',
  4: 'longId',
  6: 'occurrence',
};

/** A device id may be the bytes of a GUID: those are told in hexadecimal. */
function idText(bytes: Buffer): string {
  for (const byte of bytes) if (byte <= 0x20 || byte >= 0x7f) return bytes.toString('hex');
  return bytes.toString('latin1');
}

function checked(query: Query): QueryParse {
  if (query.command === '') return wrong('The query names no command.');
  if (query.deviceId === '' || query.deviceId.length > deviceIdMax || !isPrintable(query.deviceId)) {
    return wrong('The device id is missing or impossible.');
  }
  if (query.deviceType.length > deviceTypeMax || !isPrintable(query.deviceType)) {
    return wrong('The device type is impossible.');
  }
  return { ok: true, query };
}

function isPrintable(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x20 || unit > 0x7e) return false;
  }
  return true;
}

function wrong(reason: string): QueryParse {
  return { ok: false, reason };
}
