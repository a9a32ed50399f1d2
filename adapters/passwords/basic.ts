import { isUtf8 } from 'node:buffer';

export interface Credentials {
  readonly name: string;
  readonly password: string;
}

const pattern = /^basic +([A-Za-z0-9+/_-]+={0,2}) *$/i;

/**
 * Reads an `Authorization: Basic …` header (RFC 7617). The name ends at the first colon; the password may hold more.
 * Bytes that are not UTF-8 are taken as ISO-8859-1, which is what Outlook sends. Undefined for anything else.
 */
export function parseBasic(header: string | undefined): Credentials | undefined {
  if (header === undefined || header.length > 2_048) return undefined;
  const match = pattern.exec(header);
  if (!match) return undefined;
  const bytes = Buffer.from(match[1]!, 'base64');
  const text = bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1');
  const colon = text.indexOf(':');
  if (colon < 1 || text.includes('\0')) return undefined;
  return { name: text.slice(0, colon), password: text.slice(colon + 1) };
}
