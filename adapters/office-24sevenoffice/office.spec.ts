import { request } from 'undici';
import { officeContract } from '../office/contract.ts';
import { create24SevenOffice } from './office.ts';
import { startOfficeSimulator } from './simulator/start.ts';

const screenKinds = { contact: 'contacts', appointment: 'appointments', task: 'tasks', note: 'notes' } as const;
const faults = { unavailable: 'http500', quota: 'quota', lost: 'timeout', lostAnswer: 'timeoutAfterCommit' } as const;

officeContract('24SevenOffice over SOAP', async () => {
  const simulator = await startOfficeSimulator({ nowMs: Date.now, demo: false, quotaPerHour: null, loseMs: 20 });
  simulator.addPerson({ email: 'kari@demo.example', password: 'demo', displayName: 'Kari Nordmann' });
  simulator.addPerson({ email: 'ola@demo.example', password: 'demo', displayName: 'Ola Nordmann' });
  simulator.addPerson({ email: 'per@demo.example', password: 'demo', displayName: 'Per Demo' });
  simulator.share('kari@demo.example', 'per@demo.example', 'freeBusy');
  simulator.share('kari@demo.example', 'ola@demo.example', 'readWrite');
  simulator.share('ola@demo.example', 'kari@demo.example', 'read');
  const office = create24SevenOffice({
    urls: simulator.urls,
    applicationId: '00000000-0000-4000-8000-000000000001',
    nowMs: Date.now,
    assumedInterface: true,
    pageSize: 10,
    timeoutMs: 1500,
  });
  return {
    office,
    fault: (fault) => simulator.fault({ kind: faults[fault], count: 1 }),
    clearFaults: () => simulator.clearFaults(),
    colleagueDeletes: async (email, kind, id) => {
      const { statusCode, body } = await request(`${simulator.url}/_screen/${email}/${screenKinds[kind]}/${id}`, {
        method: 'DELETE',
      });
      await body.dump();
      if (statusCode !== 204) throw new Error(`HTTP ${statusCode}`);
    },
    close: async () => {
      await office.close();
      await simulator.close();
    },
  };
});
