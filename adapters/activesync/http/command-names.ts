/** The commands by name and by their codes in the base64 query (MS-ASHTTP 2.2.1.1.1.1.2). */

/** Those that are served, in the order in which they are told. A command stands here once it works, not before. */
export const servedCommands = [
  'Sync',
  'FolderSync',
  'FolderCreate',
  'FolderDelete',
  'FolderUpdate',
  'MoveItems',
  'GetItemEstimate',
  'Search',
  'Settings',
  'Ping',
  'ItemOperations',
  'Provision',
] as const;
export type CommandName = (typeof servedCommands)[number];

/** Those that the protocol knows and that are not served. */
export const unservedCommands = [
  'SendMail',
  'SmartForward',
  'SmartReply',
  'GetAttachment',
  'GetHierarchy',
  'MeetingResponse',
  'ResolveRecipients',
  'ValidateCert',
  'Find',
] as const;

const byCode: Readonly<Record<number, CommandName | (typeof unservedCommands)[number]>> = {
  0: 'Sync',
  1: 'SendMail',
  2: 'SmartForward',
  3: 'SmartReply',
  4: 'GetAttachment',
  9: 'FolderSync',
  10: 'FolderCreate',
  11: 'FolderDelete',
  12: 'FolderUpdate',
  13: 'MoveItems',
  14: 'GetItemEstimate',
  15: 'MeetingResponse',
  16: 'Search',
  17: 'Settings',
  18: 'Ping',
  19: 'ItemOperations',
  20: 'Provision',
  21: 'ResolveRecipients',
  22: 'ValidateCert',
  23: 'Find',
};

/** The command's name by its code; undefined for a code that names none. */
export function commandByCode(code: number): string | undefined {
  return byCode[code];
}

const served = new Map<string, CommandName>(
  servedCommands.flatMap((name) => [
    [name, name],
    [name.toLowerCase(), name],
  ]),
);

/** The served command of that name, whatever its case; undefined when it is not served. */
export function servedCommand(name: string): CommandName | undefined {
  return served.get(name) ?? served.get(name.toLowerCase());
}
