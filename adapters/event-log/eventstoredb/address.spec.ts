import { describe, expect, it } from 'vitest';
import { BadAddress, parseAddress } from './address.ts';

describe('the address of a store', () => {
  it('is read with hosts, login and TLS', () => {
    expect(
      parseAddress('esdb://mobile%40sync:p%40ss%3Aword@a.example:2114,10.0.0.2?tls=true&tlsCaFile=%2Fcerts%2Fca.crt'),
    ).toMatchObject({
      hosts: [
        { host: 'a.example', port: 2114 },
        { host: '10.0.0.2', port: 2113 },
      ],
      isCluster: true,
      credentials: { username: 'mobile@sync', password: 'p@ss:word' },
      tls: { caFile: '/certs/ca.crt' },
    });
  });

  it.each([
    ['esdb://127.0.0.1:2113?tls=false', false],
    ['kurrentdb://127.0.0.1:2113/?tls=false', false],
    ['esdb+discover://store.example?tls=false', true],
    ['esdb://a,b,c?tls=false&nodePreference=Leader&connectionName=x', true],
  ])('%s is taken', (text, isCluster) => {
    expect(parseAddress(text)).toMatchObject({ isCluster, credentials: undefined, tls: undefined });
  });

  it('leaves the login out where it would go over the wire in clear', () => {
    expect(parseAddress('esdb://u:hidden@a?tls=false').credentials).toBeUndefined();
  });

  it.each([
    ['esdb://a', 'needs a user and a password'],
    ['esdb://hidden@a', 'login that is not user:password'],
    ['esdb://u:hid%den@a', 'login that is not user:password'],
    ['esdb://u:hidden@a?tlsVerifyCert=false', 'name the authority in tlsCaFile'],
    ['esdb://u:hidden@a?nodePreference=follower', 'nodePreference'],
    ['esdb://u:hidden@a?userCertFile=x', 'user certificate'],
    ['esdb://u:hidden@a?tls=yes', 'true or false for tls'],
    ['esdb://u:hidden@a?defaultDeadline=soon', 'defaultDeadline in milliseconds'],
    ['esdb://u:hidden@a?hidden-1=x', 'option that is not known: its name is no word'],
    ['esdb://u:hidden@a:99999', 'host'],
    ['esdb://u:hidden@', 'must look like'],
    ['http://u:hidden@a', 'must look like'],
  ])('%s is refused with a sentence that shows nothing of the login', (text, sentence) => {
    expect(() => parseAddress(text)).toThrow(BadAddress);
    expect(() => parseAddress(text)).toThrow(sentence);
    expect(() => parseAddress(text)).not.toThrow('hid');
  });
});
