/** Protocol versions served, as the number on the wire times ten: 12.1 is 121 (MS-ASHTTP 2.2.1.1.2.3). */
export type ProtocolVersion = 121 | 140 | 141 | 160 | 161;
export const protocolVersions: readonly ProtocolVersion[] = [121, 140, 141, 160, 161];

export function formatVersion(version: ProtocolVersion): string {
  return (version / 10).toFixed(1);
}

/** The version a header or base64 query names; undefined when it is not one of ours. */
export function parseVersion(text: string): ProtocolVersion | undefined {
  return protocolVersions.find((version) => formatVersion(version) === text.trim());
}
