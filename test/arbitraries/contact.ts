import fc from 'fast-check';
import { type Address, type ContactFields, contactFields } from '../../domain/contact/fields.ts';
import { body, categories, day, wireText } from './note.ts';

const address = fc
  .record(
    { street: wireText, locality: wireText, region: wireText, postalCode: wireText, country: wireText },
    { requiredKeys: [] },
  )
  .filter((parts) => Object.keys(parts).length > 0) as fc.Arbitrary<Address>;

const special: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  homeAddress: address,
  businessAddress: address,
  otherAddress: address,
  birthday: day,
  anniversary: day,
  children: categories,
  categories,
  photo: fc.uint8Array({ minLength: 1, maxLength: 100 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  body,
  weightedRank: fc.integer({ min: 0, max: 1_000_000 }),
};

/** Any set of the fields that the schema knows, with values that the wire can say. */
export const contactFieldsArbitrary = fc.record(
  Object.fromEntries(Object.keys(contactFields.shape).map((field) => [field, special[field] ?? wireText])),
  { requiredKeys: [] },
) as fc.Arbitrary<ContactFields>;
