/**
 * That a tenant's log was restored to an earlier point: what was answered after that point is lost, and the devices that
 * heard it are not. Stored for ever: change a shape only by a new version.
 */
import { z } from 'zod';
import type { StreamName, SubjectId } from '../shared/ids.ts';
import { defineEvents, type EventOf } from '../shared/upcast.ts';

/** Sync keys are issued in epochs from `epoch` on; those of epochs before may have been issued in what was lost. */
export const logRestored = z.object({ epoch: z.number().int() });

export const restorationEvents = defineEvents({
  LogRestored: { version: 1, schema: logRestored, upcasters: [] },
});
export type RestorationEvent = EventOf<typeof restorationEvents>;

export const restorationStream = 'restorations' as StreamName;
/** A key of the tenant's own: it says nothing of a person. */
export const restorationSubject = 'restorations' as SubjectId;
