import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CommandId, TenantId } from '../domain/shared/ids.ts';
import { accountIdFrom, collectionIdFrom, commandIdFrom, deviceKeyFrom, itemIdFrom, tenantOf } from './ids.ts';

const tenant = 'demo.example' as TenantId;

describe('ids', () => {
  it('are the same for ever', () => {
    const account = accountIdFrom(tenant, 'kari@demo.example');
    expect([
      account,
      collectionIdFrom(account, 'calendar'),
      deviceKeyFrom(account, 'ApplDEVICE1'),
      itemIdFrom('6f0f2f0e-0000-5000-8000-000000000001' as CommandId),
      commandIdFrom(['a', 'b']),
    ]).toMatchInlineSnapshot(`
      [
        "sq7r4cjbdni45iedimq5",
        "2goc2q4ndnkffgrs",
        "xmtmjsfpjnj47ibrayar",
        "vopgfeip5jlg5dsft3llc3ycra",
        "8951b2d1-a2a6-5756-8a6e-382c926c5c23",
      ]
    `);
  });

  it('fit the wire: short, lower case, without signs', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (email, name) => {
        const account = accountIdFrom(tenant, email);
        expect(account).toMatch(/^[a-z2-7]{20}$/);
        expect(collectionIdFrom(account, name)).toMatch(/^[a-z2-7]{16}$/);
        expect(deviceKeyFrom(account, name)).toMatch(/^[a-z2-7]{20}$/);
        expect(itemIdFrom(commandIdFrom([email, name]))).toMatch(/^[a-z2-7]{26}$/);
      }),
    );
  });

  it('do not depend on the case of an address or a DeviceId', () => {
    const account = accountIdFrom(tenant, 'Kari@Demo.Example');
    expect(account).toBe(accountIdFrom(tenant, 'kari@demo.example'));
    expect(deviceKeyFrom(account, 'ABC')).toBe(deviceKeyFrom(account, 'abc'));
    expect(tenantOf('Kari@Demo.Example')).toBe(tenant);
  });

  it('of different lists of parts differ, however the parts are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (one, other) => {
        fc.pre(JSON.stringify(one) !== JSON.stringify(other));
        expect(commandIdFrom(one)).not.toBe(commandIdFrom(other));
      }),
    );
    expect(commandIdFrom(['ab', 'c'])).not.toBe(commandIdFrom(['a', 'bc']));
    expect(commandIdFrom(['a', '1:b'])).not.toBe(commandIdFrom(['a1:b']));
  });

  it('carry all their bits: a different byte anywhere changes the text', () => {
    const seen = new Set(
      Array.from({ length: 10_000 }, (_, n) => collectionIdFrom(accountIdFrom(tenant, `u${n}`), 'x')),
    );
    expect(seen.size).toBe(10_000);
  });
});
