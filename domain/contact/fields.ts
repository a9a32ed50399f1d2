import { z } from 'zod';
import { body } from '../item/schema.ts';

/** vCard ADR: an address is one value, so that two changes of one address conflict instead of mixing. */
export const address = z.object({
  street: z.string().optional(),
  locality: z.string().optional(),
  region: z.string().optional(),
  postalCode: z.string().optional(),
  country: z.string().optional(),
});
export type Address = z.infer<typeof address>;

const text = z.string().optional();

/**
 * A contact: vCard in meaning, with the places a phone has for numbers and addresses (MS-ASCNTC 2.2.2). Days are
 * `YYYY-MM-DD`. `photo` is base64 of a JPEG. `email1` … `email3` hold bare addresses or `"Name" <address>`.
 */
export const contactFields = z.object({
  fileAs: text,
  prefix: text,
  givenName: text,
  middleName: text,
  familyName: text,
  suffix: text,
  nickname: text,
  yomiGivenName: text,
  yomiFamilyName: text,
  yomiCompany: text,
  email1: text,
  email2: text,
  email3: text,
  im1: text,
  im2: text,
  im3: text,
  mobilePhone: text,
  homePhone: text,
  homePhone2: text,
  homeFax: text,
  businessPhone: text,
  businessPhone2: text,
  businessFax: text,
  carPhone: text,
  pager: text,
  radioPhone: text,
  assistantPhone: text,
  companyMainPhone: text,
  mms: text,
  homeAddress: address.optional(),
  businessAddress: address.optional(),
  otherAddress: address.optional(),
  company: text,
  department: text,
  jobTitle: text,
  officeLocation: text,
  manager: text,
  assistant: text,
  customerId: text,
  governmentId: text,
  accountName: text,
  webPage: text,
  birthday: text,
  anniversary: text,
  spouse: text,
  children: z.array(z.string()).optional(),
  categories: z.array(z.string()).optional(),
  photo: text,
  body: body.optional(),
  weightedRank: z.number().optional(),
});
export type ContactFields = z.infer<typeof contactFields>;
