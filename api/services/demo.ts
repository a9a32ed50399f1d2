import pLimit from 'p-limit';
import type { OfficeLogin } from '../../domain/account/state.ts';
import type { AccountsReader } from '../../projections/accounts/read.ts';
import type { Accounts } from './accounts.ts';

const domain = 'demo.example';
const named = [
  { email: `kari@${domain}`, displayName: 'Kari Nordmann' },
  { email: `ola@${domain}`, displayName: 'Ola Nordmann' },
];
export const demoPassword = 'demo';

/** The people the demo has: Kari and Ola, and as many more as asked for. */
export function demoPeople(more: number): readonly { readonly email: string; readonly displayName: string }[] {
  const others = Array.from({ length: more }, (_, index) => ({
    email: `user${index + 1}@${domain}`,
    displayName: `User ${index + 1}`,
  }));
  return [...named, ...others];
}

/**
 * Creates those of the demo's people that are missing. All have one hash of the one password: it is made once, and
 * found right once for all of them. Answers with how many were created.
 */
export async function ensureDemoPeople(options: {
  readonly accounts: Accounts;
  readonly reader: Pick<AccountsReader, 'namesTaken'>;
  readonly hashPassword: (password: string) => Promise<string>;
  readonly more: number;
  readonly officeOf: (email: string) => OfficeLogin | null;
}): Promise<number> {
  const people = demoPeople(options.more);
  const emails = people.map((person) => person.email);
  const present = new Set(await options.reader.namesTaken(emails, undefined));
  const missing = people.filter((person) => !present.has(person.email));
  if (missing.length === 0) return 0;
  const hash = await options.hashPassword(demoPassword);
  const limit = pLimit(16);
  await Promise.all(
    missing.map(({ email, displayName }) =>
      limit(() =>
        options.accounts.create(
          { email, displayName, password: { hash }, timeZone: 'Europe/Oslo', office: options.officeOf(email) },
          { kind: 'system' },
        ),
      ),
    ),
  );
  return missing.length;
}
