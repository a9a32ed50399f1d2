import { z } from 'zod';
import { defineEvents, type EventOf } from '../shared/upcast.ts';

/** What a device says of itself with every request. `protocolVersion` as on the wire: `16.1`. */
export const deviceClient = z.object({
  deviceType: z.string(),
  userAgent: z.string(),
  protocolVersion: z.string(),
});
export type DeviceClient = z.infer<typeof deviceClient>;

/** Settings DeviceInformation (MS-ASCMD 2.2.3.45): what the device says when asked. */
export const deviceInformation = z.object({
  model: z.string().optional(),
  friendlyName: z.string().optional(),
  os: z.string().optional(),
  osLanguage: z.string().optional(),
  phoneNumber: z.string().optional(),
  mobileOperator: z.string().optional(),
  imei: z.string().optional(),
  userAgent: z.string().optional(),
  enableOutboundSms: z.boolean().optional(),
});
export type DeviceInformation = z.infer<typeof deviceInformation>;

/** `account` wipes what we gave the device, `device` everything on it (MS-ASPROV 2.2.2.1, 2.2.2.45). */
export const wipeScope = z.enum(['account', 'device']);
export type WipeScope = z.infer<typeof wipeScope>;

export const devicePaired = deviceClient.extend({ account: z.string(), deviceId: z.string() });
export const deviceClientChanged = deviceClient;
export const deviceInformationChanged = deviceInformation;
/** `policyKey` is the temporary one the device acknowledges by; `policy` the name of the rules offered. */
export const policyOffered = z.object({ policyKey: z.string(), policy: z.string() });
/** `temporaryKey` was acknowledged; `policyKey` is what the device sends from now on. */
export const policyAcknowledged = z.object({ temporaryKey: z.string(), policyKey: z.string(), partially: z.boolean() });
export const wipeRequested = z.object({ scope: wipeScope });
export const wipeCancelled = z.object({});
/** The device says that it did it, or that it could not. */
export const wipeAcknowledged = z.object({ scope: wipeScope, done: z.boolean() });
export const deviceBlocked = z.object({ reason: z.string().optional() });
export const deviceUnblocked = z.object({});
/**
 * The device went on where `former`, another of the same person, had come to: it changed its DeviceId, or was made from
 * a backup of it. `former` is a device key.
 */
export const deviceSucceeded = z.object({ former: z.string() });
/** The partnership is forgotten; the device may pair again, as a new one. */
export const deviceRemoved = z.object({});

/** What the device asks and is answered is kept in full until then. */
export const deviceWatched = z.object({ until: z.string() });
export const deviceWatchEnded = z.object({});

export const deviceEvents = defineEvents({
  DevicePaired: { version: 1, schema: devicePaired, upcasters: [] },
  DeviceClientChanged: { version: 1, schema: deviceClientChanged, upcasters: [] },
  DeviceInformationChanged: { version: 1, schema: deviceInformationChanged, upcasters: [] },
  PolicyOffered: { version: 1, schema: policyOffered, upcasters: [] },
  PolicyAcknowledged: { version: 1, schema: policyAcknowledged, upcasters: [] },
  WipeRequested: { version: 1, schema: wipeRequested, upcasters: [] },
  WipeCancelled: { version: 1, schema: wipeCancelled, upcasters: [] },
  WipeAcknowledged: { version: 1, schema: wipeAcknowledged, upcasters: [] },
  DeviceBlocked: { version: 1, schema: deviceBlocked, upcasters: [] },
  DeviceUnblocked: { version: 1, schema: deviceUnblocked, upcasters: [] },
  DeviceSucceeded: { version: 1, schema: deviceSucceeded, upcasters: [] },
  DeviceRemoved: { version: 1, schema: deviceRemoved, upcasters: [] },
  DeviceWatched: { version: 1, schema: deviceWatched, upcasters: [] },
  DeviceWatchEnded: { version: 1, schema: deviceWatchEnded, upcasters: [] },
});
export type DeviceEvent = EventOf<typeof deviceEvents>;
