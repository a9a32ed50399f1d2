import type { DeviceKey, StreamName } from '../shared/ids.ts';

/** The conversation of one device about its account's folders. Sealed by the person's key. */
export const hierarchyStream = (device: DeviceKey): StreamName => `hierarchy-${device}` as StreamName;
