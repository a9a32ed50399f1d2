/**
 * The names of things, as branded types, so that what looks alike cannot be swapped: a tenant is not an account, a
 * revision (place in one stream) is not a position (place in the whole log of a tenant).
 */
declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** A company: the unit of ordering and isolation. The lower-case mail domain of its people. */
export type TenantId = Branded<string, 'TenantId'>;
/** A person's account; derived from the tenant and the address, so it never changes. */
export type AccountId = Branded<string, 'AccountId'>;
/** One device of one account; derived from the account and the wire's DeviceId. */
export type DeviceKey = Branded<string, 'DeviceKey'>;
/** A folder of items of one class; the CollectionId on the wire. Never changes, also when renamed. */
export type CollectionId = Branded<string, 'CollectionId'>;
/** One contact, appointment, task or note; the ServerId on the wire. At most 64 characters (MS-ASCMD ServerId). */
export type ItemId = Branded<string, 'ItemId'>;
export type StreamName = Branded<string, 'StreamName'>;
/** UUID of an event: version 5 of (command id, index), so that a repeated command yields the same ids. */
export type EventId = Branded<string, 'EventId'>;
/** UUID of a command: version 5 of what makes the command itself, so that a repeat has the same id. */
export type CommandId = Branded<string, 'CommandId'>;
/** UUID version 7 of one request and its answer, in the record of exchanges. */
export type ExchangeId = Branded<string, 'ExchangeId'>;
/** Whose key encrypts a payload; destroying the subject's key erases the payload. */
export type SubjectId = Branded<string, 'SubjectId'>;
/** Place of an event in its stream: 0 is the first. */
export type Revision = Branded<number, 'Revision'>;
/** Place of an event in its tenant's log. Ordered by `<`; comes only from the log; 0 is before the first event. */
export type Position = Branded<number, 'Position'>;

export const NO_POSITION = 0 as Position;

/** An instant as ISO 8601 in UTC with milliseconds: `2026-03-29T01:00:00.000Z`. */
export type Instant = Branded<string, 'Instant'>;
/** A calendar day without a zone: `2026-03-29`. */
export type PlainDate = Branded<string, 'PlainDate'>;
/** An IANA time zone name: `Europe/Oslo`. */
export type TimeZoneName = Branded<string, 'TimeZoneName'>;
