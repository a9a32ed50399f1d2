import { z } from 'zod';
import type { DomainEvent } from '../shared/event.ts';

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
/** The partnership is forgotten; the device may pair again, as a new one. */
export const deviceRemoved = z.object({});

export type DeviceEvent =
  | DomainEvent<'DevicePaired', z.infer<typeof devicePaired>>
  | DomainEvent<'DeviceClientChanged', z.infer<typeof deviceClientChanged>>
  | DomainEvent<'DeviceInformationChanged', z.infer<typeof deviceInformationChanged>>
  | DomainEvent<'PolicyOffered', z.infer<typeof policyOffered>>
  | DomainEvent<'PolicyAcknowledged', z.infer<typeof policyAcknowledged>>
  | DomainEvent<'WipeRequested', z.infer<typeof wipeRequested>>
  | DomainEvent<'WipeCancelled', z.infer<typeof wipeCancelled>>
  | DomainEvent<'WipeAcknowledged', z.infer<typeof wipeAcknowledged>>
  | DomainEvent<'DeviceBlocked', z.infer<typeof deviceBlocked>>
  | DomainEvent<'DeviceUnblocked', z.infer<typeof deviceUnblocked>>
  | DomainEvent<'DeviceRemoved', z.infer<typeof deviceRemoved>>;

/** The shape of each type's data at its present version. */
export const deviceEventSchemas = {
  DevicePaired: { version: 1, data: devicePaired },
  DeviceClientChanged: { version: 1, data: deviceClientChanged },
  DeviceInformationChanged: { version: 1, data: deviceInformationChanged },
  PolicyOffered: { version: 1, data: policyOffered },
  PolicyAcknowledged: { version: 1, data: policyAcknowledged },
  WipeRequested: { version: 1, data: wipeRequested },
  WipeCancelled: { version: 1, data: wipeCancelled },
  WipeAcknowledged: { version: 1, data: wipeAcknowledged },
  DeviceBlocked: { version: 1, data: deviceBlocked },
  DeviceUnblocked: { version: 1, data: deviceUnblocked },
  DeviceRemoved: { version: 1, data: deviceRemoved },
} as const;
