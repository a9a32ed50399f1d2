/** `devices`, `conversation` and `resync`: which devices a person has, what they were told, and telling it anew. */
import type { CliCommand } from '../command.ts';
import { reasonOption } from '../options.ts';
import { type Column, formatHelp, formatOf, formatOptions, printRows } from '../output.ts';
import { accountPath, devicePath } from '../paths.ts';

interface DeviceRow {
  readonly deviceId: string;
  readonly deviceType: string;
  readonly userAgent: string;
  readonly protocolVersion: string;
  readonly pairedAt: string;
  readonly former: string | null;
  readonly successors: readonly string[];
  readonly blocked: boolean;
}

const deviceColumns: readonly Column<DeviceRow>[] = [
  { name: 'device', value: ({ deviceId }) => deviceId },
  { name: 'type', value: ({ deviceType }) => deviceType },
  { name: 'program', value: ({ userAgent }) => userAgent },
  { name: 'protocol', value: ({ protocolVersion }) => protocolVersion },
  { name: 'paired', value: ({ pairedAt }) => pairedAt },
  { name: 'was before', value: ({ former }) => former ?? '' },
  { name: 'succeeded by', value: ({ successors }) => successors.join(' ') },
  { name: 'blocked', value: ({ blocked }) => (blocked ? 'blocked' : '') },
];

export const devicesCommand: CliCommand = {
  name: 'devices',
  usage: '<person> [--json | --csv]',
  summary: "Lists a person's devices, and which of them went on where another had come to",
  details: [...formatHelp, '', 'Example: npm run mobilesync -- devices kari@demo.example'],
  options: formatOptions,
  positionals: { min: 1, max: 1 },
  async run({ admin, print }, input) {
    const { devices } = await admin.get<{ devices: DeviceRow[] }>(
      `${accountPath(input.positionals[0] as string)}/devices`,
    );
    printRows(print, devices, deviceColumns, formatOf(input), 'no devices');
    return 0;
  },
};

interface ConversationRow {
  readonly collection: string;
  readonly epoch: number;
  readonly cause?: string;
  readonly issued: number;
  readonly acknowledged: number;
}

const conversationColumns: readonly Column<ConversationRow>[] = [
  { name: 'folder', value: ({ collection }) => collection },
  { name: 'epoch', value: ({ epoch }) => String(epoch) },
  { name: 'began by', value: ({ cause }) => cause ?? '' },
  { name: 'last key issued', value: ({ issued }) => String(issued) },
  { name: 'acknowledged', value: ({ acknowledged }) => String(acknowledged) },
];

interface EpochRow {
  readonly epoch: number;
  readonly cause: string;
  readonly began: string;
  readonly by: { readonly kind: string; readonly name?: string };
  readonly reason: string | null;
  readonly lastAt: string;
  readonly keys: number;
  readonly lastKey: string;
  readonly known: number;
}

const causes: Readonly<Record<string, string>> = {
  syncKeyZero: 'the device began anew',
  earlierKey: 'it came with an earlier key',
  resync: 'resync',
  restored: 'the log was restored',
  attached: 'it came with keys of another DeviceId',
};

const epochColumns: readonly Column<EpochRow>[] = [
  { name: 'epoch', value: ({ epoch }) => String(epoch) },
  { name: 'began', value: ({ began }) => began },
  {
    name: 'because',
    value: ({ cause, by, reason }) =>
      [causes[cause] ?? cause, by.kind === 'admin' ? `by ${by.name ?? 'an administrator'}` : '', reason ?? '']
        .filter((part) => part !== '')
        .join(', '),
  },
  { name: 'last answer', value: ({ lastAt }) => lastAt },
  { name: 'keys', value: ({ keys }) => String(keys) },
  { name: 'held', value: ({ known }) => String(known) },
  { name: 'last key', value: ({ lastKey }) => lastKey },
];

export const conversationCommand: CliCommand = {
  name: 'conversation',
  usage: '<person> <deviceId> [<folder>] [--json | --csv]',
  summary: 'Tells how the conversation of a device with a folder went, each time it began anew included',
  details: [
    'The folder is named by its CollectionId or its name; hierarchy is the conversation about the folders themselves.',
    'Without a folder: the conversations there are, as they stand.',
    '',
    ...formatHelp,
    '',
    'Example: npm run mobilesync -- conversation kari@demo.example APPLDN6K7Q2WG5QF Contacts',
  ],
  options: formatOptions,
  positionals: { min: 2, max: 3 },
  async run({ admin, print }, input) {
    const format = formatOf(input);
    const [person, deviceId, folder] = input.positionals as [string, string, string?];
    const path = `${devicePath(person, deviceId)}/conversations`;
    if (folder === undefined) {
      const { conversations } = await admin.get<{ conversations: ConversationRow[] }>(path);
      printRows(print, conversations, conversationColumns, format, 'no conversations');
      return 0;
    }
    const epochs = await admin.all<EpochRow>(`${path}/${encodeURIComponent(folder)}`, 'epochs');
    printRows(print, epochs, epochColumns, format);
    return 0;
  },
};

interface Resynced {
  readonly folders: readonly {
    readonly collection: string;
    readonly folder: string | null;
    readonly outcome: string;
  }[];
  readonly hierarchy: string | null;
}

const outcomes: Readonly<Record<string, string>> = {
  resynced: 'is sent anew with the next exchange',
  pending: 'was asked for before, and the device has not come since',
  neverSynced: 'was never synced',
};

export const resyncCommand: CliCommand = {
  name: 'resync',
  usage: '<person> <deviceId> [<folder>] [--reason <text>]',
  summary: 'Has a device told everything anew with its next exchange; what it has not yet sent is taken in first',
  details: [
    'Without a folder: all folders, and the list of folders. The device is woken when it waits.',
    '',
    '  --reason <text>  for the history of the conversation',
    '',
    'Example: npm run mobilesync -- resync kari@demo.example APPLDN6K7Q2WG5QF Contacts --reason "misses Astrid"',
  ],
  options: reasonOption,
  positionals: { min: 2, max: 3 },
  async run({ admin, print }, { positionals, values }) {
    const [person, deviceId, name] = positionals as [string, string, string?];
    const body = { folder: name, reason: values.reason };
    const { folders, hierarchy } = await admin.post<Resynced>(`${devicePath(person, deviceId)}/resync`, body);
    for (const { folder, collection, outcome } of folders) {
      print(`${folder ?? collection}: ${outcomes[outcome] ?? outcome}`);
    }
    if (hierarchy) print(`the list of folders: ${outcomes[hierarchy] ?? hierarchy}`);
    return 0;
  },
};
