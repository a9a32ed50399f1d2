import type { ItemKind } from '../../../domain/item/fields.ts';
import type { SoapService } from '../services.ts';

const namespace = 'http://24sevenOffice.com/webservices/assumed';

const service = (path: string, operations: SoapService['operations']): SoapService => ({
  host: 'webservices',
  path: `/Assumed/${path}`,
  namespace,
  operations,
});

/** How the records of a kind are listed, saved and deleted. Assumed: see the README in this folder. */
export interface AssumedRecords {
  readonly service: SoapService;
  readonly item: string;
  readonly get: string;
  readonly search: string;
  readonly save: string;
  readonly saveParameter: string;
  readonly delete: string;
  readonly deleteParameter: string;
}

const records = (
  path: string,
  item: string,
  parameter: string,
  more: SoapService['operations'] = {},
): AssumedRecords => ({
  service: service(path, {
    ...more,
    [`Get${item}s`]: 'read',
    [`Save${item}`]: 'write',
    [`Delete${item}`]: 'write',
  }),
  item,
  get: `Get${item}s`,
  search: `${parameter}Search`,
  save: `Save${item}`,
  saveParameter: parameter,
  delete: `Delete${item}`,
  deleteParameter: `${parameter}Id`,
});

export const assumedRecords: Readonly<Record<ItemKind, AssumedRecords>> = {
  appointment: records('Calendar/V001/CalendarService.asmx', 'Appointment', 'appointment', { GetCalendars: 'read' }),
  task: records('Task/V001/TaskService.asmx', 'Task', 'task'),
  contact: records('PersonalContact/V001/PersonalContactService.asmx', 'PersonalContact', 'personalContact'),
  note: records('PersonalNote/V001/PersonalNoteService.asmx', 'PersonalNote', 'personalNote'),
};

export const profileService = service('Profile/V001/ProfileService.asmx', { GetProfile: 'read' });

export const assumedMaxPageSize = 500;
