import { freshDatabase } from '../../../test/postgres.ts';
import { eventLogContract, type LogUnderTest } from '../contract.ts';
import { postgresEventLog } from './log.ts';

const make = async (): Promise<LogUnderTest> => {
  const database = await freshDatabase();
  const open = (): LogUnderTest => {
    const pool = database.openPool({ max: 8 });
    const log = postgresEventLog({ pool });
    const close = async () => {
      await log.close();
      await pool.end();
    };
    return { log, close, reopen: async () => close().then(open) };
  };
  return open();
};

eventLogContract('PostgreSQL', make, { atomicOverStreams: true });
