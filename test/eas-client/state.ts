/** What a phone remembers between two connections, and the file it can be kept in. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { formatVersion, type ProtocolVersion, parseVersion } from '../../adapters/activesync/version.ts';
import type { Element } from '../../adapters/activesync/wbxml/element.ts';
import { formatXml } from '../../adapters/activesync/wbxml/format.ts';
import { parseXmlTwin } from '../../adapters/activesync/wbxml/xml-twin.ts';
import type { WireFolder } from './commands/folders.ts';
import type { SyncCommand } from './commands/sync.ts';

export type PimKind = 'contact' | 'appointment' | 'task' | 'note';

/** Kinds by folder type (MS-ASCMD 2.2.3.186.3). */
const kindByType: Readonly<Record<number, PimKind>> = {
  7: 'task',
  8: 'appointment',
  9: 'contact',
  10: 'note',
  13: 'appointment',
  14: 'contact',
  15: 'task',
  17: 'note',
};

/** Undefined for folders that hold no personal information: mail and whatever comes. */
export function kindOf(folder: WireFolder): PimKind | undefined {
  return kindByType[folder.type];
}

export interface FolderState {
  /** "0" before the first Sync. */
  key: string;
  /** `ApplicationData` by ServerId. */
  items: Map<string, Element>;
  /** Sent, but not known to be answered: they are sent again with the same key. */
  pending: readonly SyncCommand[];
}

export interface PhoneState {
  url: string;
  user: string;
  deviceId: string;
  version: ProtocolVersion;
  policyKey: string;
  folderKey: string;
  folders: Map<string, WireFolder>;
  collections: Map<string, FolderState>;
  /** Number of the last item this phone made. */
  clientIds: number;
}

export function newState(of: Pick<PhoneState, 'url' | 'user' | 'deviceId' | 'version'>): PhoneState {
  return { ...of, policyKey: '0', folderKey: '0', folders: new Map(), collections: new Map(), clientIds: 0 };
}

const commandSchema = z.object({
  do: z.enum(['add', 'change', 'delete', 'fetch']),
  clientId: z.string().optional(),
  serverId: z.string().optional(),
  instanceId: z.string().optional(),
  data: z.string().optional(),
});

const fileSchema = z.object({
  format: z.literal(1),
  url: z.string(),
  user: z.string(),
  deviceId: z.string(),
  version: z.string(),
  policyKey: z.string(),
  folderKey: z.string(),
  clientIds: z.number().int(),
  folders: z.array(z.object({ id: z.string(), parent: z.string(), name: z.string(), type: z.number() })),
  collections: z.record(
    z.string(),
    z.object({ key: z.string(), items: z.record(z.string(), z.string()), pending: z.array(commandSchema) }),
  ),
});

/** The file is not one this phone wrote. */
export class UnreadableState extends Error {
  override readonly name = 'UnreadableState';
}

export function formatState(state: PhoneState): string {
  const { url, user, deviceId, version, policyKey, folderKey, clientIds, folders, collections } = state;
  const file: z.infer<typeof fileSchema> = {
    format: 1,
    url,
    user,
    deviceId,
    version: formatVersion(version),
    policyKey,
    folderKey,
    clientIds,
    folders: [...folders.values()],
    collections: Object.fromEntries(
      [...collections].map(([id, { key, items, pending }]) => [
        id,
        {
          key,
          items: Object.fromEntries([...items].map(([serverId, data]) => [serverId, formatXml(data)])),
          pending: pending.map((command) =>
            'data' in command ? { ...command, data: formatXml(command.data) } : command,
          ),
        },
      ]),
    ),
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

/** @throws UnreadableState */
export function parseState(text: string): PhoneState {
  try {
    const file = fileSchema.parse(JSON.parse(text));
    const version = parseVersion(file.version);
    if (version === undefined) throw new Error(`version ${file.version} is not known`);
    return {
      ...file,
      version,
      folders: new Map(file.folders.map((folder) => [folder.id, folder])),
      collections: new Map(
        Object.entries(file.collections).map(([id, { key, items, pending }]) => [
          id,
          {
            key,
            items: new Map(Object.entries(items).map(([serverId, xml]) => [serverId, parseXmlTwin(xml)])),
            pending: pending.map(
              (command) => (command.data ? { ...command, data: parseXmlTwin(command.data) } : command) as SyncCommand,
            ),
          },
        ]),
      ),
    };
  } catch (error) {
    throw new UnreadableState((error as Error).message, { cause: error });
  }
}

/** Undefined when there is no file. @throws UnreadableState */
export async function readState(file: string): Promise<PhoneState | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return parseState(text);
}

/** Whole or not at all: a phone that dies while writing keeps what it had. */
export async function writeState(file: string, state: PhoneState): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const unfinished = `${file}.${process.pid}`;
  try {
    await writeFile(unfinished, formatState(state), { mode: 0o600 });
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}
