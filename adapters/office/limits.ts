import { line } from './text.ts';

export const titleMaxLength = 250;
export const lineMaxLength = 255;
export const bodyMaxLength = 100_000;
/** Most attendees and exceptions the office holds of one appointment. */
export const listMaxLength = 1000;
/** As long as ConsumerPersonNo, the external key the office documents. */
export const externalKeyMaxLength = 50;
/**
 * The office wants a title and phones may leave it out: this stands for none, so colleagues see something and
 * phones see what they wrote.
 */
export const untitled = '(uten tittel)';

/** A title; absent when it is empty or stands for none. */
export function title(value: unknown): string | undefined {
  const text = line(value, titleMaxLength);
  return text === untitled ? undefined : text;
}

/** The record without its absent members, so that equal values are equal objects. */
export function present<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
