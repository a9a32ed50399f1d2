import { z } from 'zod';
import { body } from '../item/schema.ts';

/** A note: iCalendar VJOURNAL in meaning (MS-ASNOTE 2.2.2). */
export const noteFields = z.object({
  subject: z.string().optional(),
  body: body.optional(),
  categories: z.array(z.string()).optional(),
  /** `IPM.StickyNote`, or a class derived from it. */
  messageClass: z.string().optional(),
  lastModifiedAt: z.string().optional(),
});
export type NoteFields = z.infer<typeof noteFields>;
