/** `read-models`: what is shown, and how far behind the log it is. */
import type { Standing } from '../../services/read-models.ts';
import type { CliCommand } from '../command.ts';
import { type Column, formatHelp, formatOf, formatOptions, printRows } from '../output.ts';

const columns: readonly Column<Standing>[] = [
  { name: 'read model', value: ({ projection }) => projection },
  { name: 'version', value: ({ version }) => String(version) },
  { name: 'tenant', value: ({ tenant }) => tenant },
  { name: 'position', value: ({ position }) => String(position) },
  { name: 'behind', value: ({ position, head }) => String(head - position) },
];

export const readModelsCommand: CliCommand = {
  name: 'read-models',
  usage: '[--json | --csv]',
  summary: 'Lists the read models and how far each has read the log',
  details: formatHelp,
  options: formatOptions,
  async run({ admin, print }, input) {
    const { readModels } = await admin.get<{ readModels: Standing[] }>('/read-models');
    printRows(print, readModels, columns, formatOf(input), 'no events yet');
    return 0;
  },
};
