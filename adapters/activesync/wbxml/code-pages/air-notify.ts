import { codePage } from './code-page.ts';

/** Tags of code page 3 (MS-ASWBXML 2.1.2.1.4). No longer used by any version; the page keeps its number. */
export const AirNotify = codePage(3, 'AirNotify', {});
