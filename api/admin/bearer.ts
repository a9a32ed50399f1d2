/** The token of an `Authorization: Bearer …` header (RFC 6750); undefined when it is none. */
export function bearerOf(header: string | undefined): string | undefined {
  if (header === undefined || header.length > 4_096) return undefined;
  return /^bearer +(\S+) *$/i.exec(header)?.[1];
}
