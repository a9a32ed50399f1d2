import { randomUUID } from 'node:crypto';
import { describe, it } from 'vitest';
import { eventLogContract, type LogUnderTest } from '../contract.ts';
import { parseAddress } from './address.ts';
import { eventStoreLog } from './log.ts';

const url = process.env.EVENTSTORE_URL;

const make = async (): Promise<LogUnderTest> => {
  const prefix = `t${randomUUID().replaceAll('-', '').slice(0, 16)}`;
  const open = async (): Promise<LogUnderTest> => {
    const log = await eventStoreLog({ address: parseAddress(url!), prefix });
    return { log, close: () => log.close(), reopen: async () => log.close().then(open) };
  };
  return open();
};

if (url) eventLogContract('EventStoreDB', make, { atomicOverStreams: true });
else {
  describe.skip('EventStoreDB as an event log: needs EVENTSTORE_URL, such as esdb://127.0.0.1:2113?tls=false', () => {
    it('keeps the contract of every event log', () => {});
  });
}
