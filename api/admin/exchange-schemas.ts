/** Shapes of recorded exchanges, as support sees them. */
import { z } from 'zod';
import { verdicts } from '../../adapters/exchange-record/port.ts';

const counts = z.record(z.string(), z.number());
export const verdict = z.enum(verdicts);

export const exchangeView = z.object({
  id: z.string().describe('UUID version 7; events of the exchange name it in their cause'),
  tenant: z.string(),
  account: z.string(),
  device: z.string(),
  at: z.string(),
  durationMs: z.number(),
  waitedMs: z.number().describe('Of durationMs, waiting for news'),
  command: z.string(),
  version: z.number().describe('Of the protocol, times ten'),
  httpStatus: z.number(),
  status: z.number().nullable().describe("The command's own; null where each collection has one"),
  requestBytes: z.number(),
  answerBytes: z.number(),
  position: z.number().describe('Where the log stood for the one who answered'),
  collections: z
    .array(
      z.object({
        collection: z.string(),
        kind: z.string().nullable(),
        key: z.string().describe('The key that came, as epoch.counter'),
        recognised: z.string(),
        revision: z.number(),
        commands: counts.describe('What the device asked for'),
        statuses: counts.describe('Responses by status'),
        told: counts.describe('What the device was told'),
        withheld: z.number(),
        status: z.number(),
        issuedKey: z.string(),
        moreAvailable: z.boolean(),
      }),
    )
    .readonly(),
  verdicts: z.array(verdict).readonly(),
  causes: z.array(z.string()).readonly(),
  appVersion: z.string(),
  mappingVersion: z.number(),
  hasBody: z.boolean().describe('The request and the answer were kept'),
});

export const wholeExchange = exchangeView.extend({
  email: z.string().nullable(),
  deviceId: z.string().nullable(),
  explained: z.array(z.object({ cause: z.string(), meaning: z.string(), todo: z.string() })).readonly(),
  body: z
    .object({
      query: z.record(z.string(), z.unknown()),
      policyKey: z.string().nullable(),
      userAgent: z.string().nullable(),
      error: z.string().nullable().describe('Name and place of the error that the command ended with'),
      request: z.string().nullable().describe('Readable XML'),
      answer: z.string().nullable().describe('Readable XML'),
    })
    .nullable(),
});

export const quietHour = z.object({
  device: z.string(),
  command: z.string(),
  firstAt: z.string(),
  lastAt: z.string(),
  times: z.number(),
});
