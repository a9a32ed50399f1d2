/** `nodes`: which servers live, and which of them works for how many tenants. */
import type { NodeStanding } from '../../../adapters/cluster/nodes.port.ts';
import type { CliCommand } from '../command.ts';
import { type Column, formatHelp, formatOf, formatOptions, printRows } from '../output.ts';

const columns: readonly Column<NodeStanding>[] = [
  { name: 'node', value: ({ id, isThis }) => `${id}${isThis ? ' (answers)' : ''}` },
  { name: 'host', value: ({ host }) => host },
  { name: 'pid', value: ({ pid }) => String(pid) },
  { name: 'version', value: ({ version, isWorking }) => `${version}${isWorking ? '' : ' (outdated)'}` },
  { name: 'started', value: ({ startedAt }) => startedAt },
  { name: 'tenants', value: ({ tenants }) => String(tenants) },
  { name: 'last gained', value: ({ lastGainedAt }) => lastGainedAt ?? '' },
];

export const nodesCommand: CliCommand = {
  name: 'nodes',
  usage: '[--json | --csv]',
  summary: 'Lists the servers that live, and for how many tenants each works',
  details: formatHelp,
  options: formatOptions,
  async run({ admin, print }, input) {
    const { nodes } = await admin.get<{ nodes: NodeStanding[] }>('/nodes');
    printRows(print, nodes, columns, formatOf(input), 'none');
    return 0;
  },
};
