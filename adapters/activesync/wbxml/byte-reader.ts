/** A multi-byte integer that ends past the input or does not fit 32 bits. */
export const noInteger = -1;

/**
 * Reads the primitive types of WBXML (WAP-192 section 5.1) from a byte array, never past its end. Failures are
 * values, since every byte may come from a stranger.
 */
export class ByteReader {
  readonly bytes: Buffer;
  offset = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  /** u_int8; undefined at the end of the input. */
  byte(): number | undefined {
    return this.bytes[this.offset++];
  }

  /** mb_u_int32; {@link noInteger} when it is truncated or larger than 32 bits. */
  integer(): number {
    let value = 0;
    for (let read = 0; read < 5; read++) {
      const byte = this.bytes[this.offset++];
      if (byte === undefined) return noInteger;
      value = value * 128 + (byte & 0x7f);
      if (byte < 0x80) return value > 0xffff_ffff ? noInteger : value;
    }
    return noInteger;
  }

  /** `length` bytes, as a view; undefined when fewer remain. */
  view(length: number): Uint8Array | undefined {
    if (length > this.remaining) return undefined;
    const start = this.offset;
    this.offset += length;
    return this.bytes.subarray(start, this.offset);
  }

  /** termstr; undefined when no NUL ends it. Invalid UTF-8 becomes U+FFFD. */
  terminatedString(): string | undefined {
    const text = stringAt(this.bytes, this.offset, this.bytes.length);
    if (text === undefined) return undefined;
    this.offset = stringEnd + 1;
    return text;
  }

  /** Passes a termstr without reading it; false when no NUL ends it. */
  skipTerminatedString(): boolean {
    const end = this.bytes.indexOf(0, this.offset);
    if (end < 0) return false;
    this.offset = end + 1;
    return true;
  }
}

/** Where the string last read by {@link stringAt} ended: a second result without an object for every string. */
let stringEnd = 0;

/** The UTF-8 string that starts at `start` and ends at a NUL before `limit`; undefined when there is no NUL. */
export function stringAt(bytes: Buffer, start: number, limit: number): string | undefined {
  let seen = 0;
  let end = start;
  for (; end < limit; end++) {
    const byte = bytes[end]!;
    if (byte === 0) break;
    seen |= byte;
  }
  if (end >= limit) return undefined;
  stringEnd = end;
  const length = end - start;
  if (length === 0) return '';
  if (seen >= 0x80) return bytes.toString('utf8', start, end);
  // V8 keeps one-character strings ready: most values of ActiveSync are a digit.
  return length === 1 ? String.fromCharCode(bytes[start]!) : bytes.toString('latin1', start, end);
}
