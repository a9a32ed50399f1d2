/**
 * Rows as PostgreSQL's COPY writes and reads them in its binary format: the files of a backup are in it, whichever log
 * the events came from. A field is its length in bytes and its value, all numbers big-endian.
 */

/** Before the first row: the signature, no flags, no extension. */
export const copyHeader: Buffer = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
/** After the last. */
export const copyTrailer: Buffer = Buffer.from([0xff, 0xff]);

/** PostgreSQL counts microseconds from the year 2000. */
const epochMs = Date.UTC(2000, 0, 1);

/** @param fields in the order of the columns, as the functions below make them; none of them is null. */
export function copyRow(fields: readonly Uint8Array[]): Buffer {
  const count = Buffer.allocUnsafe(2);
  count.writeInt16BE(fields.length);
  return Buffer.concat([count, ...fields.flatMap((field) => [int4(field.byteLength), field])]);
}

export const text = (value: string): Buffer => Buffer.from(value, 'utf8');

export function int4(value: number): Buffer {
  const field = Buffer.allocUnsafe(4);
  field.writeInt32BE(value);
  return field;
}

export function int8(value: number): Buffer {
  const field = Buffer.allocUnsafe(8);
  field.writeBigInt64BE(BigInt(value));
  return field;
}

export const uuid = (value: string): Buffer => Buffer.from(value.replaceAll('-', ''), 'hex');

/** @param instant in ISO 8601, to the millisecond. */
export const timestamptz = (instant: string): Buffer => int8((Date.parse(instant) - epochMs) * 1_000);
