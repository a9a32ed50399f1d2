import { z } from 'zod';
import { body, recurrence, sensitivity } from '../item/schema.ts';

/** A task: iCalendar VTODO in meaning. `start` and `due` are days; `completedAt` and `reminderAt` are instants. */
export const taskFields = z.object({
  subject: z.string().optional(),
  body: body.optional(),
  start: z.string().optional(),
  due: z.string().optional(),
  complete: z.boolean().optional(),
  completedAt: z.string().optional(),
  percentComplete: z.number().int().min(0).max(100).optional(),
  importance: z.enum(['low', 'normal', 'high']).optional(),
  reminderAt: z.string().optional(),
  sensitivity: sensitivity.optional(),
  recurrence: recurrence.optional(),
  categories: z.array(z.string()).optional(),
  /** MS-ASTASK OrdinalDate and SubOrdinalDate: the place in the phone's own order; kept and sent back. */
  ordinalDate: z.string().optional(),
  subOrdinalDate: z.string().optional(),
});
export type TaskFields = z.infer<typeof taskFields>;
