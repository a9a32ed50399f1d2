import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Account } from '../../domain/account/state.ts';
import { virtualClock } from '../clock.ts';
import { argon2PasswordCheck, hashPassword } from './argon2.ts';
import { parseBasic } from './basic.ts';
import { createBrake, networkOf } from './brake.ts';
import type { PasswordCheck } from './password-check.port.ts';
import { rememberedCheck } from './remembered.ts';

const accountWith = (passwordHash: string) => ({ kind: 'account', passwordHash }) as Account;

describe('argon2id', () => {
  it('uses the parameters asked for, and a salt of its own each time', async () => {
    const hash = await hashPassword('demo');
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await hashPassword('demo')).not.toBe(hash);
  });

  it('tells right from wrong, also for names nobody has', async () => {
    const check = argon2PasswordCheck();
    const account = accountWith(await hashPassword('pass:wørd'));
    expect(await check.verify(account, 'pass:wørd')).toBe(true);
    expect(await check.verify(account, 'pass')).toBe(false);
    expect(await check.verify(undefined, 'nobody has this one')).toBe(false);
  });
});

describe('remembered passwords', () => {
  const counting = (right: string) => {
    const calls: string[] = [];
    const inner: PasswordCheck = {
      verify: async (_account, password) => calls.push(password) > 0 && password === right,
      basis: (account) => account?.passwordHash ?? 'nobody',
    };
    return { calls, inner };
  };

  it('cost the slow check once, until they grow old', async () => {
    const clock = virtualClock();
    const { calls, inner } = counting('demo');
    const check = rememberedCheck(inner, clock);
    const account = accountWith('hash1');
    expect(check.isKnown(account, 'demo')).toBe(false);
    await Promise.all([check.verify(account, 'demo'), check.verify(account, 'demo')]);
    expect(calls).toHaveLength(1);
    expect(check.isKnown(account, 'demo')).toBe(true);
    clock.advance(10 * 60_000);
    expect(check.isKnown(account, 'demo')).toBe(false);
  });

  it('are void when the password changes, and wrong ones are never known', async () => {
    const { inner } = counting('demo');
    const check = rememberedCheck(inner, virtualClock());
    await check.verify(accountWith('hash1'), 'demo');
    await check.verify(accountWith('hash1'), 'wrong');
    expect(check.isKnown(accountWith('hash2'), 'demo')).toBe(false);
    expect(check.isKnown(accountWith('hash1'), 'wrong')).toBe(false);
  });

  it('cost microseconds', async () => {
    const check = rememberedCheck(counting('demo').inner, virtualClock());
    const account = accountWith(await hashPassword('demo'));
    await check.verify(account, 'demo');
    const started = performance.now();
    for (let n = 0; n < 10_000; n++) check.isKnown(account, 'demo');
    expect((performance.now() - started) / 10_000).toBeLessThan(0.2);
  });
});

describe('the brake', () => {
  const kari = { login: 'kari', remote: '192.0.2.1' };

  it('lets a few mistakes pass, then asks for twice the patience each time', () => {
    const clock = virtualClock();
    const brake = createBrake(clock);
    const waits: number[] = [];
    for (let n = 0; n < 8; n++) {
      waits.push(brake.delayMs(kari));
      clock.advance(brake.delayMs(kari));
      brake.failed(kari, `guess ${n}`);
    }
    expect(waits).toEqual([0, 0, 0, 0, 0, 1_000, 2_000, 4_000]);
    clock.advance(8_000);
    expect(brake.delayMs(kari)).toBe(0);
  });

  it('never waits longer than five minutes, and forgets after a quiet while', () => {
    const clock = virtualClock();
    const brake = createBrake(clock);
    for (let n = 0; n < 40; n++) brake.failed(kari, `guess ${n}`);
    expect(brake.delayMs(kari)).toBe(5 * 60_000);
    clock.advance(15 * 60_000);
    brake.failed(kari, 'typo');
    expect(brake.delayMs(kari)).toBe(0);
  });

  it('holds one address that tries many names, but not another address', () => {
    const brake = createBrake(virtualClock());
    for (let n = 0; n < 80; n++) brake.failed({ login: `user${n}`, remote: '192.0.2.1' }, 'demo');
    expect(brake.delayMs({ login: 'new', remote: '192.0.2.1' })).toBeGreaterThan(0);
    expect(brake.delayMs({ login: 'user1', remote: '192.0.2.2' })).toBe(0);
  });

  it('knows a wrong password that comes again', () => {
    const brake = createBrake(virtualClock());
    brake.failed(kari, 'old password');
    expect(brake.hasFailed(kari, 'old password')).toBe(true);
    expect(brake.hasFailed(kari, 'another')).toBe(false);
    brake.succeeded(kari);
    expect(brake.hasFailed(kari, 'old password')).toBe(false);
  });

  it('stays small, and still holds the address that floods it', () => {
    const brake = createBrake(virtualClock(), 100);
    for (let n = 0; n < 1_000; n++) brake.failed({ login: `user${n}`, remote: '192.0.2.1' }, 'demo');
    expect(brake.delayMs({ login: 'next', remote: '192.0.2.1' })).toBeGreaterThan(0);
  });

  it('takes an IPv6 network for one', () => {
    expect(networkOf('2001:db8:0:1::5')).toBe(networkOf('2001:db8::1:ffff:0:0:9'));
    expect(networkOf('2001:db8:0:1::5')).not.toBe(networkOf('2001:db8:0:2::5'));
    expect(networkOf('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(networkOf('::1')).toBe('0:0:0:0::/64');
  });
});

describe('a Basic header', () => {
  const encode = (bytes: Buffer) => `Basic ${bytes.toString('base64')}`;

  it('keeps colons of the password, and reads UTF-8 as well as ISO-8859-1', () => {
    const read = { name: 'DEMO\\kåre', password: 'a:b:ø' };
    expect(parseBasic(encode(Buffer.from('DEMO\\kåre:a:b:ø', 'utf8')))).toEqual(read);
    expect(parseBasic(encode(Buffer.from('DEMO\\kåre:a:b:ø', 'latin1')))).toEqual(read);
    expect(parseBasic(`basic ${Buffer.from('a:').toString('base64')}`)).toEqual({ name: 'a', password: '' });
  });

  it('that is none is not read, whatever it is', () => {
    for (const header of [undefined, '', 'Basic', 'Basic !!!', 'Bearer abc', 'Basic YQ==', encode(Buffer.from(':x'))]) {
      expect(parseBasic(header)).toBeUndefined();
    }
    fc.assert(fc.property(fc.string(), (text) => void parseBasic(`Basic ${text}`)));
  });
});
