/** The commands that move the event log. */
import type { CliCommand } from '../command.ts';
import { runLogCopy, runLogUnseal } from '../log-copy.ts';
import { needed } from '../options.ts';

export const logCopyCommand: CliCommand = {
  name: 'log copy',
  usage: '--from <log> --to <log> [--tenant <tenant>] [--verify] [--dry-run | --follow | --cut-over]',
  summary: 'Copies the event log into another one beside running servers, or moves it there',
  details: [
    'Logs are postgres and eventstoredb (EVENTSTORE_URL); a copy may also go to postgres=<url>, another database. Events',
    'keep their ids, positions, revisions, hashes and bytes, so phones keep their keys and read models stand as they are.',
    'What was copied before is kept; a copy that was cut goes on where it was. The first difference ends it.',
    '',
    '  --verify    compares everything that was copied before, and not only the last event of every tenant',
    '  --dry-run   says what there is to copy and compares what is there; copies nothing',
    '  --follow    goes on until it is ended',
    '  --cut-over  compares and copies everything, seals the old log, copies the rest, and lets servers start on the new one',
    '',
    'Examples: npm run mobilesync -- log copy --from postgres --to eventstoredb',
    '          npm run mobilesync -- log copy --from postgres --to eventstoredb --cut-over',
    '          npm run mobilesync -- log copy --from eventstoredb --to postgres --cut-over',
    '',
    'Exit code 1 when the logs differ, or a server that must be stopped runs.',
  ],
  options: {
    ...{ from: { type: 'string' }, to: { type: 'string' }, tenant: { type: 'string' }, verify: { type: 'boolean' } },
    ...{ 'dry-run': { type: 'boolean' }, follow: { type: 'boolean' }, 'cut-over': { type: 'boolean' } },
  },
  async run({ env, print, remark }, { values }) {
    const ending = new AbortController();
    const end = (): void => ending.abort();
    process.on('SIGINT', end).on('SIGTERM', end);
    const request = {
      ...{ from: needed(values, 'from', '<log>'), to: needed(values, 'to', '<log>') },
      tenant: typeof values.tenant === 'string' ? values.tenant : undefined,
      ...{ isVerifying: values.verify === true, isDry: values['dry-run'] === true },
      ...{ isFollowing: values.follow === true, isCutOver: values['cut-over'] === true },
    };
    return await runLogCopy(env, request, print, remark, ending.signal).finally(() => {
      process.off('SIGINT', end).off('SIGTERM', end);
    });
  },
};

export const logUnsealCommand: CliCommand = {
  name: 'log unseal',
  usage: '',
  summary: 'Gives up a move of the event log that was cut after the old log was sealed',
  details: [
    'The log stays where it is. What was copied stays in the other one.',
    '',
    'Example: npm run mobilesync -- log unseal',
  ],
  run: ({ env, print, remark }) => runLogUnseal(env, print, remark),
};
