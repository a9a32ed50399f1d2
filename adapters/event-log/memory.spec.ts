import { eventLogContract, type LogUnderTest } from './contract.ts';
import { type MemoryStorage, memoryEventLog } from './memory.ts';

const open = (storage: MemoryStorage): LogUnderTest => {
  const log = memoryEventLog(storage);
  return {
    log,
    reopen: async () => {
      await log.close();
      return open(storage);
    },
    close: () => log.close(),
  };
};

eventLogContract('memory', async () => open(new Map()), { atomicOverStreams: true });
