/** Whether two items are the same, by which signs, and how sure that is. Symmetric. */
import type { Sign } from './events.ts';
import { compareNames, isPersonalMail, type Likening, type Person, workElsewhere } from './person.ts';
import type { Traits } from './traits.ts';

/**
 * From the surest: the same UID or the same content; the same name with a number or address that nobody else has; the
 * same name with one that others share; a name that is spelled otherwise, with one that nobody else has. `perhaps` is
 * for people to judge, and never merged by itself.
 */
export const degrees = ['identical', 'own', 'shared', 'spelling', 'perhaps'] as const;
export type Degree = (typeof degrees)[number];

export interface Judgement {
  readonly degree: Degree;
  readonly signs: readonly Sign[];
}

/** Whether no third item has this number or address. */
export type IsOwn = (sign: string) => boolean;

/** How sure it is that two items are one, and by which signs; undefined where nothing says so. */
export function judge(a: Traits, b: Traits, isOwn: IsOwn, likening: Pick<Likening, 'distance'>): Judgement | undefined {
  if (a.kind !== b.kind) return undefined;
  if (a.uid !== '' && a.uid === b.uid) return { degree: 'identical', signs: ['uid'] };
  if (a.content !== '' && a.content === b.content) return { degree: 'identical', signs: ['content'] };
  if (a.person && b.person) return judgePeople(a.person, b.person, isOwn, likening);
  if (!a.key || a.key.text !== b.key?.text) return undefined;
  if (a.from !== '' && b.from !== '' && a.from !== b.from) return undefined;
  return { degree: 'own', signs: a.key.signs };
}

function judgePeople(a: Person, b: Person, isOwn: IsOwn, likening: Pick<Likening, 'distance'>): Judgement | undefined {
  const names = compareNames(a, b, likening);
  if (names === 'other') return undefined;
  const mails = a.mails.filter((mail) => b.mails.includes(mail));
  const numbers = a.numbers.filter((number) => b.numbers.includes(number));
  const ownMail = mails.some((mail) => isPersonalMail(mail) && isOwn(mail));
  const isMobile = (number: string) => a.mobiles.includes(number) || b.mobiles.includes(number);
  const ownMobile = numbers.some((number) => isMobile(number) && isOwn(number));
  const contact: Sign[] = [
    ...(mails.length > 0 ? ['mail' as const] : []),
    ...(numbers.length > 0 ? ['number' as const] : []),
  ];
  const signs: Sign[] = [names === 'equal' ? 'name' : 'spelling', ...contact];
  if (areApart(a.birthday ? [a.birthday] : [], b.birthday ? [b.birthday] : [])) return undefined;

  if (workElsewhere(a, b, likening)) return contact.length > 0 ? { degree: 'perhaps', signs } : undefined;
  const isApart = areApart(a.mobiles, b.mobiles) && !ownMail;
  if (names === 'near') {
    const isSure = (ownMobile || ownMail) && !areApart(a.mobiles, b.mobiles);
    if (isSure) return { degree: 'spelling', signs };
    return contact.length > 0 && !isApart ? { degree: 'perhaps', signs } : undefined;
  }
  if (ownMobile || ownMail) return { degree: 'own', signs };
  if (isApart) return undefined;
  // Colleagues of one name share the switchboard, but each has an address of his own.
  const areMailsApart = areApart(a.mails, b.mails) && !numbers.some(isOwn);
  if (contact.length > 0 && !areMailsApart) return { degree: 'shared', signs };
  return { degree: 'perhaps', signs };
}

/** Both say something, and nothing of it is the same. */
function areApart(a: readonly string[], b: readonly string[]): boolean {
  return a.length > 0 && b.length > 0 && !a.some((value) => b.includes(value));
}
