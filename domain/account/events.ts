import { z } from 'zod';
import { conflictPolicy } from '../conflict/policy.ts';
import { defineEvents, type EventOf } from '../shared/upcast.ts';

/** Which rules a device must accept before it may sync; `none` lets it work without Provision. */
export const policyName = z.enum(['none', 'standard', 'strict']);
export type PolicyName = z.infer<typeof policyName>;

/** Email, aliases in lower case; `timeZone` is an IANA name. */
export const accountCreated = z.object({
  account: z.string(),
  email: z.string(),
  displayName: z.string().optional(),
  aliases: z.array(z.string()),
  timeZone: z.string(),
  policy: policyName,
  features: z.array(z.string()),
  conflictPolicy: conflictPolicy.optional(),
});
/** `hash` is a PHC string (`$argon2id$…`), never a password. */
export const passwordSet = z.object({ hash: z.string() });
/** Only what changed is there; a null display name is one taken away. */
export const accountChanged = z.object({
  displayName: z.string().nullable().optional(),
  aliases: z.array(z.string()).optional(),
  timeZone: z.string().optional(),
  policy: policyName.optional(),
  features: z.array(z.string()).optional(),
  conflictPolicy: conflictPolicy.optional(),
});
/** The credentials of the community user: sealed with the person's key like all of this stream. */
export const officeConnected = z.object({ system: z.string(), username: z.string(), password: z.string() });
export const officeDisconnected = z.object({});
export const accountRemoved = z.object({});

export const accountEvents = defineEvents({
  AccountCreated: { version: 1, schema: accountCreated, upcasters: [] },
  PasswordSet: { version: 1, schema: passwordSet, upcasters: [] },
  AccountChanged: { version: 1, schema: accountChanged, upcasters: [] },
  OfficeConnected: { version: 1, schema: officeConnected, upcasters: [] },
  OfficeDisconnected: { version: 1, schema: officeDisconnected, upcasters: [] },
  AccountRemoved: { version: 1, schema: accountRemoved, upcasters: [] },
});
export type AccountEvent = EventOf<typeof accountEvents>;
