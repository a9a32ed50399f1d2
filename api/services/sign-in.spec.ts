import { describe, expect, it } from 'vitest';
import { virtualClock } from '../../adapters/clock.ts';
import { argon2PasswordCheck, hashPassword } from '../../adapters/passwords/argon2.ts';
import { ChecksBusy, type PasswordCheck } from '../../adapters/passwords/password-check.port.ts';
import type { Account } from '../../domain/account/state.ts';
import type { AccountId, TenantId } from '../../domain/shared/ids.ts';
import type { Person } from './directory.ts';
import { createSignIn } from './sign-in.ts';

const header = (password: string, name = 'kari') => `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;

function setup() {
  const state = { right: 'demo', checks: 0, isBusy: false };
  const person = (): Person => ({
    tenant: 'demo.example' as TenantId,
    account: { kind: 'account', id: 'kari1' as AccountId, passwordHash: `hash of ${state.right}` } as Account,
  });
  const passwords: PasswordCheck = {
    async verify(account, password) {
      state.checks++;
      if (state.isBusy) throw new ChecksBusy('busy');
      return account !== undefined && password === state.right;
    },
    basis: (account) => account?.passwordHash ?? 'nobody',
  };
  const clock = virtualClock();
  const directory = { byLogin: async (name: string) => (name === 'kari' ? person() : undefined) };
  const service = createSignIn({ directory, passwords, clock });
  const signIn = async (password: string, remote = '192.0.2.1', name = 'kari') =>
    (await service.signIn(header(password, name), remote)).kind;
  return { state, clock, service, signIn };
}

describe('signing in', () => {
  it('checks a phone once and knows it from then on', async () => {
    const { state, signIn } = setup();
    for (let n = 0; n < 50; n++) expect(await signIn('demo')).toBe('signedIn');
    expect(state.checks).toBe(1);
  });

  it('refuses what is no sign-in, without asking anybody', async () => {
    const { state, service } = setup();
    for (const authorization of [undefined, '', 'Bearer x', 'Basic ?', `Basic ${'A'.repeat(10_000)}`]) {
      expect((await service.signIn(authorization, '192.0.2.1')).kind).toBe('refused');
    }
    expect(state.checks).toBe(0);
  });

  it('has a phone come again when nobody can be looked up, whoever it is, and counts that against nobody', async () => {
    const { clock } = setup();
    const trouble: unknown[] = [];
    let isAway = true;
    const service = createSignIn({
      directory: {
        byLogin: async () => {
          if (isAway) throw new Error('the database is away');
          return undefined;
        },
      },
      passwords: { verify: async () => false, basis: () => 'nobody' },
      clock,
      onTrouble: (error) => trouble.push(error),
    });
    for (let n = 0; n < 20; n++) {
      expect(await service.signIn(header('demo'), '192.0.2.1')).toEqual({
        kind: 'wait',
        retryAfterSeconds: 5,
        because: 'load',
      });
    }
    expect(trouble).toHaveLength(20);
    isAway = false;
    expect((await service.signIn(header('demo'), '192.0.2.1')).kind).toBe('refused');
  });

  it('brakes who guesses, and tells how long to wait', async () => {
    const { clock, service, signIn } = setup();
    for (let n = 0; n < 5; n++) expect(await signIn(`guess ${n}`)).toBe('refused');
    expect(await service.signIn(header('guess 5'), '192.0.2.1')).toEqual({
      kind: 'wait',
      retryAfterSeconds: 1,
      because: 'failures',
    });
    clock.advance(1_000);
    expect(await signIn('demo')).toBe('signedIn');
  });

  it('never brakes a phone that signed in before, whoever guesses beside it', async () => {
    const { signIn } = setup();
    expect(await signIn('demo')).toBe('signedIn');
    for (let n = 0; n < 100; n++) await signIn(`guess ${n}`);
    expect(await signIn('another guess')).toBe('wait');
    expect(await signIn('demo')).toBe('signedIn');
  });

  it('lets such a phone be checked again after a long sleep, in the middle of the guessing', async () => {
    const { state, clock, signIn } = setup();
    expect(await signIn('demo')).toBe('signedIn');
    clock.advance(3_600_000);
    for (let n = 0; n < 100; n++) await signIn(`guess ${n}`);
    const checks = state.checks;
    expect(await signIn('another guess')).toBe('wait');
    expect(await signIn('demo')).toBe('signedIn');
    expect(state.checks).toBe(checks + 1);
  });

  it('does not brake the right password because an old phone repeats the old one', async () => {
    const { state, signIn } = setup();
    expect(await signIn('demo')).toBe('signedIn');
    state.right = 'new';
    for (let n = 0; n < 100; n++) expect(await signIn('demo')).toBe('refused');
    expect(await signIn('new')).toBe('signedIn');
    expect(state.checks).toBe(3);
  });

  it('ends with the password: what was right before is not any more', async () => {
    const { state, signIn } = setup();
    expect(await signIn('demo')).toBe('signedIn');
    state.right = 'new';
    expect(await signIn('demo')).toBe('refused');
  });

  it('brakes names nobody has in the same way', async () => {
    const { state, signIn } = setup();
    for (let n = 0; n < 5; n++) expect(await signIn(`guess ${n}`, '192.0.2.1', 'nobody')).toBe('refused');
    expect(await signIn('guess 5', '192.0.2.1', 'nobody')).toBe('wait');
    expect(state.checks).toBe(5);
  });

  it('asks for patience, and blames nobody, when too many come at once', async () => {
    const { state, service, signIn } = setup();
    state.isBusy = true;
    for (let n = 0; n < 10; n++) {
      expect(await service.signIn(header(`p${n}`), '192.0.2.1')).toMatchObject({ kind: 'wait', because: 'load' });
    }
    state.isBusy = false;
    expect(await signIn('demo')).toBe('signedIn');
  });

  it('costs a name nobody has what a wrong password costs', async () => {
    const check = argon2PasswordCheck();
    const account = { kind: 'account', passwordHash: await hashPassword('demo') } as Account;
    await check.verify(undefined, 'warm up');
    const time = async (of: Account | undefined) => {
      const started = performance.now();
      for (let n = 0; n < 8; n++) await check.verify(of, `wrong ${n}`);
      return performance.now() - started;
    };
    const ratio = (await time(account)) / (await time(undefined));
    expect(ratio).toBeGreaterThan(0.2);
    expect(ratio).toBeLessThan(5);
  });
});
