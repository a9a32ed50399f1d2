/** How a conflict that was kept was decided later. Stands in the stream of its item, whatever its class. */
import { z } from 'zod';
import { defineEvents, type EventOf } from '../shared/upcast.ts';

/** Who wins after all: the loser (`mine`), whoever won (`theirs`), or both as far as they go together. */
export const conflictChoice = z.enum(['mine', 'theirs', 'merge']);
export type ConflictChoice = z.infer<typeof conflictChoice>;

/**
 * `conflict` is the revision of the ConflictKept in the same stream. What the decision made of the item stands in the
 * events of the same command beside this one; `changed` names the fields. `policy` is there when no person chose.
 */
export const conflictDecided = z.object({
  conflict: z.number().int(),
  for: conflictChoice,
  changed: z.array(z.string()),
  policy: z.enum(['clientWins', 'serverWins']).optional(),
});

export const conflictEvents = defineEvents({
  ConflictDecided: { version: 1, schema: conflictDecided, upcasters: [] },
});
export type ConflictEvent = EventOf<typeof conflictEvents>;
