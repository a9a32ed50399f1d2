/**
 * Global tokens of WBXML (WAP-192 section 7.1). They mean the same on every code page, in tag and attribute space.
 * ActiveSync itself writes only switchPage, end, inlineString and opaque (MS-ASWBXML 2.1.1).
 */
export const token = Object.freeze({
  switchPage: 0x00,
  end: 0x01,
  entity: 0x02,
  inlineString: 0x03,
  literal: 0x04,
  processingInstruction: 0x43,
  tableString: 0x83,
  opaque: 0xc3,
} as const);

/** Bits of a tag byte (WAP-192 section 5.8.4.3). */
export const tagHasAttributes = 0x80;
export const tagHasContent = 0x40;
export const tagTokenMask = 0x3f;

/** `03 01 6A 00`: WBXML 1.3, public id "unknown", UTF-8 (MIBenum 106), no string table (MS-ASWBXML 2.1.1). */
export const documentHeader: readonly number[] = [0x03, 0x01, 0x6a, 0x00];
