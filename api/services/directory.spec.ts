import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { runCommand } from '../../adapters/event-log/run-command.ts';
import { accountIdFrom, commandIdFrom } from '../../adapters/ids.ts';
import { type AccountCommand, accountDecider } from '../../domain/account/decide.ts';
import type { LoginName } from '../../domain/account/login.ts';
import { accountStream } from '../../domain/account/stream.ts';
import type { Instant, StreamName, TenantId } from '../../domain/shared/ids.ts';
import { accountSubject } from '../../domain/shared/streams.ts';
import type { AccountRef } from '../../projections/accounts/read.ts';
import { plainEventStore } from '../../test/plain-event-store.ts';
import { Directory } from './directory.ts';

const tenant = 'demo.example' as TenantId;
const kari = accountIdFrom(tenant, 'kari@demo.example');

async function setup() {
  const store = plainEventStore();
  const projected = new Subject<{ events: { stream: StreamName }[] }>();
  const asked: LoginName[] = [];
  const names = new Map<string, AccountRef>([['kari', { tenant, account: kari }]]);
  const directory = new Directory({
    store,
    projected,
    reader: {
      async byLogin(name) {
        asked.push(name);
        return names.get(name.user);
      },
      byEmail: async () => undefined,
    },
  });
  let count = 0;
  const run = async (command: AccountCommand) => {
    const subject = accountSubject(kari);
    const target = { tenant, stream: accountStream(kari), subject, owner: subject };
    const at = '2026-01-01T00:00:00.000Z' as Instant;
    const meta = { at, actor: { kind: 'admin' }, commandId: commandIdFrom([String(count++)]) } as const;
    await runCommand(store, accountDecider, target, command, meta);
  };
  await run({
    type: 'create',
    account: kari,
    email: 'kari@demo.example',
    passwordHash: 'one',
    timeZone: 'Europe/Oslo',
    settings: {},
  });
  return { store, projected, asked, names, directory, run };
}

describe('the directory', () => {
  it('answers from memory while nothing changes', async () => {
    const { store, asked, directory } = await setup();
    await directory.byLogin('kari');
    const loads = store.loads();
    for (let n = 0; n < 100; n++) expect((await directory.byLogin('kari'))?.account.email).toBe('kari@demo.example');
    expect(store.loads()).toBe(loads);
    expect(asked).toHaveLength(1);
  });

  it('sees a new password and a removal with the next question, before any read model does', async () => {
    const { directory, run } = await setup();
    expect((await directory.byLogin('kari'))?.account.passwordHash).toBe('one');
    await run({ type: 'change', settings: { passwordHash: 'two' } });
    expect((await directory.byLogin('kari'))?.account.passwordHash).toBe('two');
    await run({ type: 'remove' });
    expect(await directory.byLogin('kari')).toBeUndefined();
  });

  it('asks again whom a name means when accounts changed', async () => {
    const { projected, asked, names, directory } = await setup();
    await directory.byLogin('kari');
    projected.next({ events: [{ stream: 'contact-x' as StreamName }] });
    await directory.byLogin('kari');
    expect(asked).toHaveLength(1);
    names.delete('kari');
    projected.next({ events: [{ stream: accountStream(accountIdFrom(tenant, 'kari@other.example')) }] });
    expect(await directory.byLogin('kari')).toBeUndefined();
  });

  it('keeps nothing for names nobody has: flooding it costs no memory', async () => {
    const { asked, directory } = await setup();
    await directory.byLogin('nobody');
    await directory.byLogin('nobody');
    expect(asked).toHaveLength(2);
  });
});
