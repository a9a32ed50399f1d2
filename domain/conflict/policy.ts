/** Who wins a conflict by the rule of an account, in place of what each phone asks for. */
import { z } from 'zod';
import type { ConflictChoice } from './events.ts';
import type { ConflictRule } from './merge.ts';

/** `device`: each phone's own option (MS-ASCMD 2.2.3.34 Conflict); the others hold whatever the phone says. */
export const conflictPolicy = z.enum(['device', 'clientWins', 'serverWins']);
export type ConflictPolicy = z.infer<typeof conflictPolicy>;

/** The rule under which a phone's commands are decided. */
export function ruleUnder(policy: ConflictPolicy | undefined, option: ConflictRule): ConflictRule {
  return policy === undefined || policy === 'device' ? option : policy;
}

/** For whom a rule decides a conflict between a phone and others, of which it is known who lost then. */
export function choiceUnder(rule: ConflictRule, loser: 'client' | 'server'): ConflictChoice {
  return (rule === 'clientWins') === (loser === 'client') ? 'mine' : 'theirs';
}
