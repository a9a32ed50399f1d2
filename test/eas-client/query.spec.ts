import { describe, expect, it } from 'vitest';
import { base64Query, plainQuery } from './query.ts';

const parts = {
  command: 'Ping',
  user: 'kari+1@demo.example',
  deviceId: 'D1',
  deviceType: 'SP',
  version: 141,
  policyKey: '0',
} as const;

describe('the query of a request', () => {
  it('escapes what a URL cannot hold', () => {
    expect(plainQuery(parts)).toBe('Cmd=Ping&User=kari%2B1%40demo.example&DeviceId=D1&DeviceType=SP');
  });

  it('packs version, command, locale, device, policy key and user into base64', () => {
    const head = [141, 18, 0x14, 0x04, 2, 0x44, 0x31];
    const tail = [2, 0x53, 0x50, 8, 19, ...Buffer.from('kari+1@demo.example')];
    expect([...Buffer.from(base64Query(parts), 'base64')]).toEqual([...head, 0, ...tail]);
    const withKey = [...Buffer.from(base64Query({ ...parts, policyKey: '3000000000' }), 'base64')];
    expect(withKey).toEqual([...head, 4, 0x00, 0x5e, 0xd0, 0xb2, ...tail]);
  });

  it('refuses a part that its length byte cannot count', () => {
    expect(() => base64Query({ ...parts, user: 'x'.repeat(256) })).toThrow(RangeError);
  });
});
