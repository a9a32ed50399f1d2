/** `watch`: keeps everything that a device asks and is answered for a while. */
import { ConfigError } from '../../config.ts';
import type { WatchedDevice } from '../../services/watches.ts';
import type { CliCommand } from '../command.ts';
import { spanMsOf } from '../moment.ts';
import { type Column, formatHelp, formatOf, formatOptions, printRows } from '../output.ts';
import { devicePath } from '../paths.ts';

const columns: readonly Column<WatchedDevice>[] = [
  { name: 'Person', value: ({ email }) => email ?? '' },
  { name: 'Device', value: ({ deviceId }) => deviceId },
  { name: 'Until', value: ({ until }) => until },
];

interface List {
  readonly devices: readonly WatchedDevice[];
  readonly all: { readonly until: string; readonly by: string | null } | null;
}

const minuteMs = 60_000;

export const watchCommand: CliCommand = {
  name: 'watch',
  usage: '[<person> <deviceId> | --all] [--for <time> | --off] [--json | --csv]',
  summary: 'Keeps all requests and answers of a device for a while; lists what is watched',
  details: [
    '  --for  how long: 30m, 2h (unless told), 3d; a week at most',
    '  --off  no longer',
    '  --all  every device, for a check of an upgrade with shadow; costs disk',
    ...formatHelp,
    '',
    'Example: npm run mobilesync -- watch kari@demo.example APPL123 --for 2h',
  ],
  options: { for: { type: 'string' }, off: { type: 'boolean' }, all: { type: 'boolean' }, ...formatOptions },
  positionals: { min: 0, max: 2 },
  async run({ admin, print, remark }, input) {
    const { positionals, values } = input;
    const [person, deviceId] = positionals;
    const isOff = values.off === true;
    const isAll = values.all === true;
    if (values.for !== undefined && isOff) throw new ConfigError('Say --for or --off, not both.');
    if (isAll && person !== undefined) throw new ConfigError('Name a device, or say --all, not both.');
    if (person !== undefined && deviceId === undefined)
      throw new ConfigError('Name the device too: watch <person> <deviceId>.');
    if (!isAll && person === undefined) {
      if (isOff || values.for !== undefined) throw new ConfigError('Name a device, or say --all.');
      const { devices, all } = await admin.get<List>('/watches');
      if (all) remark(`every device is watched until ${all.until}${all.by ? `, as ${all.by} asked` : ''}`);
      printRows(print, devices, columns, formatOf(input), 'no device is watched by itself');
      return 0;
    }
    const minutes = Math.ceil(spanMsOf(String(values.for ?? '2h'), '--for') / minuteMs);
    const send = <T>(path: string) => (isOff ? admin.send<T>('DELETE', path) : admin.post<T>(path, { minutes }));
    if (isAll) {
      const { all } = await send<Pick<List, 'all'>>('/watches/all');
      print(all ? `every device is watched until ${all.until}` : 'not every device is watched any more');
      return 0;
    }
    const path = `${devicePath(person as string, deviceId as string)}/watch`;
    const { watchedUntil } = await send<{ watchedUntil: string | null }>(path);
    print(watchedUntil ? `${deviceId} is watched until ${watchedUntil}` : `${deviceId} is not watched any more`);
    return 0;
  },
};
