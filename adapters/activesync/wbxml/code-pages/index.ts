import type { Tag } from '../element.ts';
import { AirNotify } from './air-notify.ts';
import { AirSync } from './airsync.ts';
import { AirSyncBase } from './airsync-base.ts';
import { Calendar } from './calendar.ts';
import { codePageId } from './code-page.ts';
import { ComposeMail } from './compose-mail.ts';
import { Contacts } from './contacts.ts';
import { Contacts2 } from './contacts2.ts';
import { DocumentLibrary } from './document-library.ts';
import { Email } from './email.ts';
import { Email2 } from './email2.ts';
import { Find } from './find.ts';
import { FolderHierarchy } from './folder-hierarchy.ts';
import { GAL } from './gal.ts';
import { GetItemEstimate } from './get-item-estimate.ts';
import { ItemOperations } from './item-operations.ts';
import { MeetingResponse } from './meeting-response.ts';
import { Move } from './move.ts';
import { Notes } from './notes.ts';
import { Ping } from './ping.ts';
import { Provision } from './provision.ts';
import { ResolveRecipients } from './resolve-recipients.ts';
import { RightsManagement } from './rights-management.ts';
import { Search } from './search.ts';
import { Settings } from './settings.ts';
import { Tasks } from './tasks.ts';
import { ValidateCert } from './validate-cert.ts';

export {
  AirNotify,
  AirSync,
  AirSyncBase,
  Calendar,
  ComposeMail,
  Contacts,
  Contacts2,
  codePageId,
  DocumentLibrary,
  Email,
  Email2,
  Find,
  FolderHierarchy,
  GAL,
  GetItemEstimate,
  ItemOperations,
  MeetingResponse,
  Move,
  Notes,
  Ping,
  Provision,
  ResolveRecipients,
  RightsManagement,
  Search,
  Settings,
  Tasks,
  ValidateCert,
};

/** Every code page; its index is its number (MS-ASWBXML 2.1.2.1). */
export const codePages = [
  AirSync,
  Contacts,
  Email,
  AirNotify,
  Calendar,
  Move,
  GetItemEstimate,
  FolderHierarchy,
  MeetingResponse,
  Tasks,
  ResolveRecipients,
  ValidateCert,
  Contacts2,
  Ping,
  Provision,
  Search,
  GAL,
  AirSyncBase,
  Settings,
  DocumentLibrary,
  ItemOperations,
  ComposeMail,
  Email2,
  Notes,
  RightsManagement,
  Find,
] as const;

const nameByTag = new Map<Tag, string>();
const tagByKnownName = new Map<string, Tag>();
const numberByPageName = new Map<string, number>();
for (const page of codePages) {
  const { number, name } = page[codePageId];
  numberByPageName.set(name, number);
  for (const [local, tag] of Object.entries(page)) {
    nameByTag.set(tag, `${name}:${local}`);
    tagByKnownName.set(`${name}:${local}`, tag);
  }
}

/** `AirSync:SyncKey`; an unknown token is named by its number, `AirSync:0x3F`, and so is an unknown page, `Page99:0x05`. */
export function tagName(tag: Tag): string {
  return nameByTag.get(tag) ?? `${pageName(tag >> 8)}:0x${(tag & 0xff).toString(16).toUpperCase().padStart(2, '0')}`;
}

/** The reverse of {@link tagName}; undefined when the text names no tag. */
export function tagByName(name: string): Tag | undefined {
  const known = tagByKnownName.get(name);
  if (known !== undefined) return known;
  const match = /^(\w+):0x([0-9A-F]{2})$/.exec(name);
  if (!match) return undefined;
  const [, pageText = '', tokenText = ''] = match;
  const page = numberByPageName.get(pageText) ?? unnamedPageNumber(pageText);
  const token = Number.parseInt(tokenText, 16);
  if (page === undefined || token < 0x05 || token > 0x3f) return undefined;
  return (page << 8) | token;
}

function pageName(page: number): string {
  return codePages[page]?.[codePageId].name ?? `Page${page}`;
}

function unnamedPageNumber(text: string): number | undefined {
  const digits = /^Page([1-9]\d{0,2}|0)$/.exec(text)?.[1];
  const page = digits === undefined ? undefined : Number(digits);
  return page !== undefined && page <= 0xff ? page : undefined;
}
