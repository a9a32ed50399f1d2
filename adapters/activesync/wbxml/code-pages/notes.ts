import { codePage } from './code-page.ts';

/** Tags of code page 23 (MS-ASWBXML 2.1.2.1.24). */
export const Notes = codePage(23, 'Notes', {
  Subject: 0x05,
  MessageClass: 0x06,
  LastModifiedDate: 0x07,
  Categories: 0x08,
  Category: 0x09,
});
