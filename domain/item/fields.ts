/**
 * What items of every class share. An item's fields are a flat record; a field that is absent is not set. A change
 * says which fields it sets and which it clears, and nothing of the others, so that two changes of different fields
 * can be merged.
 */
export type ItemKind = 'contact' | 'appointment' | 'task' | 'note';
export const itemKinds: readonly ItemKind[] = ['contact', 'appointment', 'task', 'note'];

/** Text with its kind. Long text lives in the blob store: then `content` is absent and `blob` names it (SHA-256). */
export type Body =
  | { readonly type: 'text' | 'html' | 'rtf'; readonly content: string }
  | { readonly type: 'text' | 'html' | 'rtf'; readonly blob: string; readonly size: number };

/** iCalendar CLASS, with the two further degrees of MS-ASCAL 2.2.2.42 Sensitivity. */
export type Sensitivity = 'normal' | 'personal' | 'private' | 'confidential';

/** A change of fields: `set` gives new values, `cleared` names fields that are no longer set. */
export interface Patch<F> {
  readonly set: Partial<F>;
  readonly cleared: readonly (keyof F & string)[];
}

/** The fields of a class as a record; every class's type is one. */
export type Fields = Readonly<Record<string, unknown>>;
