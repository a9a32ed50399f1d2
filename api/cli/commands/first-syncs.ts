/** How a device began with its folders: whether there was anything of it to protect here. */
import type { CliCommand } from '../command.ts';
import { type Column, formatHelp, formatOf, formatOptions, printRows } from '../output.ts';
import { devicePath } from '../paths.ts';

interface FirstSyncView {
  readonly collection: string;
  readonly folder: string | null;
  readonly at: string;
  readonly itemsHere: number | null;
  readonly brought: number;
  readonly merged: number;
}

function saidOf({ itemsHere, brought, merged }: FirstSyncView): string {
  if (brought === 0)
    return itemsHere === 0 ? 'nothing was here, and nothing came' : 'it brought nothing: nothing to protect here';
  return merged === 0 ? 'none of it was here' : `${merged} of it were here, and are one item each`;
}

const columns: readonly Column<FirstSyncView>[] = [
  { name: 'at', value: ({ at }) => at },
  { name: 'folder', value: ({ folder, collection }) => folder ?? collection },
  { name: 'items here', value: ({ itemsHere }) => (itemsHere === null ? 'not noted' : String(itemsHere)) },
  { name: 'brought', value: ({ brought }) => String(brought) },
  { name: 'merged', value: ({ merged }) => String(merged) },
  { name: 'what that means', value: saidOf },
];

export const firstSyncsCommand: CliCommand = {
  name: 'first-syncs',
  usage: '<person> <deviceId> [--json | --csv]',
  summary: 'Tells how a device began with its folders: what was here, and what it brought',
  details: [...formatHelp, '', 'Example: npm run mobilesync -- first-syncs kari@demo.example APPLDN6K7Q2WG5QF'],
  options: formatOptions,
  positionals: { min: 2, max: 2 },
  async run({ admin, print }, input) {
    const [email, deviceId] = input.positionals as [string, string];
    const { firstSyncs = [] } = await admin.get<{ firstSyncs?: FirstSyncView[] }>(devicePath(email, deviceId));
    printRows(print, firstSyncs, columns, formatOf(input), 'it has synced nothing yet');
    return 0;
  },
};
