/** What people call an item, for lists: its subject, or a contact's name. '' when it has none. */
import type { Fields } from './fields.ts';

const titleMax = 120;

/** What a person calls the item: its subject, or a contact's name, company or address; '' for nothing of it. */
export function titleOf(fields: Fields): string {
  const text = (name: string): string => (typeof fields[name] === 'string' ? (fields[name] as string).trim() : '');
  const name = ['givenName', 'middleName', 'familyName'].map(text).filter((part) => part !== '');
  const title = [text('subject'), name.join(' '), text('fileAs'), text('company'), text('email1')].find(
    (one) => one !== '',
  );
  return (title ?? '').slice(0, titleMax);
}
