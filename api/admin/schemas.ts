/** Shapes of the admin API: they check what comes in, and describe it in the OpenAPI document. */
import { z } from 'zod';
import { policyName } from '../../domain/account/events.ts';
import { normalizeLogin } from '../../domain/account/login.ts';
import { conflictPolicy } from '../../domain/conflict/policy.ts';

const loginPattern = /^[^\s:\\"<>()[\],;\p{Cc}]+$/u;

/** An address, in any letter case; it is kept in lower case. */
export const email = z
  .string()
  .max(254)
  .refine(
    (text) => text.isWellFormed() && loginPattern.test(text.trim()) && /^[^@]{1,64}@[^@.][^@]*[^@.]$/.test(text.trim()),
    {
      message: 'must be an email address like kari@demo.example',
    },
  )
  .overwrite(normalizeLogin)
  .describe('Email address; letter case does not matter');

const alias = z
  .string()
  .min(1)
  .max(254)
  .refine((text) => text.isWellFormed() && loginPattern.test(text.trim()), {
    message: 'must be an address or a plain name, without spaces, colons and backslashes',
  })
  .overwrite(normalizeLogin);

const timeZone = z
  .string()
  .max(64)
  .refine(isTimeZone, { message: 'must be an IANA time zone like Europe/Oslo' })
  .describe('IANA time zone');

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    // Offsets like +01:00 are accepted by Intl, but a calendar needs the zone's rules.
    return /^[A-Za-z]/.test(name);
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** Text that people read: no control characters, which neither XML nor a database can hold. */
export const plainText = (max: number) =>
  z
    .string()
    .max(max)
    .refine((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), { message: 'must hold no control characters' });

const password = z.string().min(1).max(1_024);

export const officeLogin = z.strictObject({
  system: z.string().min(1).max(40),
  username: plainText(254).min(1),
  password,
});

const settings = {
  aliases: z.array(alias).max(50).optional(),
  timeZone: timeZone.optional(),
  office: officeLogin.nullable().optional().describe('Null: a person without an office'),
  policy: policyName.optional(),
  features: z
    .array(z.string().regex(/^[\w.:-]{1,64}$/))
    .max(50)
    .optional()
    .describe('mass-deletes: devices may delete as much as they like at once'),
  conflictPolicy: conflictPolicy
    .optional()
    .describe("Who wins where a phone of this person and others changed the same: 'device' is each phone's own option"),
};

export const newAccount = z.strictObject({ email, password, displayName: plainText(256).optional(), ...settings });

export const accountChange = z.strictObject({
  password: password.optional(),
  displayName: plainText(256).nullable().optional(),
  ...settings,
});

export const accountView = z.object({
  id: z.string(),
  email: z.string(),
  displayName: z.string().nullable(),
  aliases: z.array(z.string()),
  timeZone: z.string(),
  policy: policyName,
  features: z.array(z.string()),
  conflictPolicy,
  office: z.object({ system: z.string(), username: z.string() }).nullable(),
  heldBatches: z.number().optional().describe('Batches of deletions that wait for a word; told of one account alone'),
});

export const deviceView = z.object({
  deviceId: z.string(),
  key: z.string(),
  pairedAt: z.string(),
  deviceType: z.string(),
  userAgent: z.string(),
  protocolVersion: z.string(),
  information: z.record(z.string(), z.unknown()),
  policy: z.object({ name: z.string(), isAccepted: z.boolean() }).nullable(),
  blocked: z.boolean(),
  watchedUntil: z.string().nullable().describe('What it asks and is answered is kept in full until then'),
  former: z
    .string()
    .nullable()
    .describe('DeviceId (key, where it was forgotten) of the device whose keys it came with'),
  successors: z.array(z.string()).describe('DeviceIds of devices that came with keys of this one'),
  wipe: z.object({ status: z.enum(['none', 'requested', 'done']), scope: z.enum(['account', 'device']).nullable() }),
  firstSyncs: z
    .array(
      z.object({
        collection: z.string(),
        folder: z.string().nullable(),
        at: z.string(),
        itemsHere: z.number().nullable().describe('That the folder held then; null where it was not noted'),
        brought: z.number().describe('By the device, in the day that followed'),
        merged: z.number().describe('Of those brought: were here already'),
      }),
    )
    .optional()
    .describe('How the device began with each folder; of one device only'),
});

/** A place in the log of a tenant, as answers name it. */
export const positionText = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
export const itemId = z.string().regex(/^[a-z0-9]{1,64}$/, 'must be an item id like those phones are given');

/** Of a listing that is read from a number on: at most so many rows in a page. */
export const paging = ({ limit, most }: { readonly limit: number; readonly most: number }) => ({
  limit: z.coerce.number().int().min(1).max(most).default(limit),
  after: z.coerce.number().int().min(0).default(0).describe('`next` of the page before'),
});

export const reason = plainText(500).optional().describe('Why, for the history');

/** An instant in ISO 8601 with its zone; in UTC from then on. */
export const instant = z.iso.datetime({ offset: true }).overwrite((text) => {
  // What is none is told by the check before, which does not keep this from being asked.
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? text : new Date(ms).toISOString();
});

export const errorBody = z.object({ error: z.string(), message: z.string() });
export const accountParams = z.object({ email });
export const itemParams = z.object({ id: itemId });
export const deviceParams = z.object({ email, deviceId: plainText(128).min(1) });
