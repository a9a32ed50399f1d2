import { officeContract } from './contract.ts';
import { FakeOffice, type FakeOfficeFault } from './memory.ts';

officeContract('the office in memory', async () => {
  let next: FakeOfficeFault | undefined;
  const office = new FakeOffice({
    nowMs: () => Date.UTC(2026, 2, 1, 12),
    fault: ({ operation }) => {
      if (operation === 'listCollections' || next === undefined) return undefined;
      const fault = next;
      next = undefined;
      return fault;
    },
  });
  office.addPerson({ email: 'kari@demo.example', password: 'demo', displayName: 'Kari Nordmann' });
  office.addPerson({ email: 'ola@demo.example', password: 'demo', displayName: 'Ola Nordmann' });
  office.addPerson({ email: 'per@demo.example', password: 'demo', displayName: 'Per Demo' });
  office.share('kari@demo.example', 'per@demo.example', 'freeBusy');
  office.share('kari@demo.example', 'ola@demo.example', 'readWrite');
  office.share('ola@demo.example', 'kari@demo.example', 'read');
  return {
    office,
    fault: (fault) => {
      next = fault;
    },
    clearFaults: () => {
      next = undefined;
    },
    colleagueDeletes: async (email, kind, id) => {
      office.screenDelete(email, kind, id);
    },
    close: () => office.close(),
  };
});
