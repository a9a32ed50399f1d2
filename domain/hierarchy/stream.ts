import type { DeviceKey, StreamName } from '../shared/ids.ts';

/** The conversation of one device about its account's folders. Sealed by the person's key. */
export const hierarchyStream = (device: DeviceKey): StreamName => `hierarchy-${device}` as StreamName;

export function parseHierarchyStream(stream: StreamName): DeviceKey | undefined {
  const match = /^hierarchy-([a-z0-9]+)$/.exec(stream);
  return match ? (match[1] as DeviceKey) : undefined;
}
