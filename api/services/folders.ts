import type { Folders } from '../../adapters/activesync/deps.ts';
import type { EventStore } from '../../adapters/event-log/event-store.port.ts';
import { runCommand } from '../../adapters/event-log/run-command.ts';
import { foldersStream } from '../../domain/account/stream.ts';
import { folderDecider } from '../../domain/folder/decide.ts';
import { accountSubject } from '../../domain/shared/streams.ts';
import type { Directory } from './directory.ts';

/** The folder hierarchies of accounts, as phones and the office change them. */
export function createFolders(store: EventStore, directory: Directory): Folders {
  return {
    of: (tenant, account) => directory.folders(tenant, account),
    async run(tenant, account, command, meta) {
      const stream = foldersStream(account);
      const subject = accountSubject(account);
      const result = await runCommand(store, folderDecider, { tenant, stream, subject, owner: subject }, command, meta);
      directory.forget(tenant, stream);
      if (result.outcome === 'refused') return { kind: 'refused', reason: result.reason };
      return { kind: 'done', tree: result.state };
    },
  };
}
