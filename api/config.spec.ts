import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ConfigError, helpText, readConfig } from './config.ts';

const message = (env: NodeJS.ProcessEnv) => {
  try {
    readConfig(env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error('accepted');
};

describe('the configuration', () => {
  it('has a default for everything', () => {
    expect(readConfig({})).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
      eventLog: 'postgres',
      pollIntervalSeconds: 900,
      officeApplicationId: '00000000-0000-0000-0000-000000000000',
      demo: true,
      demoUsers: 0,
      logLevel: 'info',
      tls: undefined,
      databaseUrl: undefined,
    });
  });

  it('takes an empty value for an unset one', () => {
    expect(readConfig({ DATABASE_URL: '', PORT: ' ' })).toMatchObject({ databaseUrl: undefined, port: 8080 });
  });

  it('reads what is set', () => {
    const masterKey = randomBytes(32).toString('base64');
    const env = { PORT: '0', DEMO: 'false', DEMO_USERS: '50', MASTER_KEY: masterKey, TLS_CERT: 'c', TLS_KEY: 'k' };
    expect(readConfig(env)).toMatchObject({
      port: 0,
      officeApplicationId: '00000000-0000-0000-0000-000000000000',
      demo: false,
      demoUsers: 50,
      masterKey,
      tls: { certFile: 'c', keyFile: 'k' },
    });
  });

  it('says what is wrong in one sentence that names the variable', () => {
    expect(message({ PORT: 'http' })).toBe('PORT must be a number from 0 to 65535, but is "http".');
    expect(message({ PORT: '70000' })).toContain('PORT must');
    expect(message({ EVENT_LOG: 'kafka' })).toContain('EVENT_LOG must be postgres, eventstoredb or memory');
    expect(message({ TLS_CERT: 'cert.pem' })).toContain('TLS_KEY is missing');
    expect(message({ EVENT_LOG: 'eventstoredb' })).toContain('EVENTSTORE_URL is missing');
    expect(message({ POLL_INTERVAL_SECONDS: '-1' })).toContain('POLL_INTERVAL_SECONDS must');
    expect(message({ DEMO: 'perhaps' })).toContain('DEMO must be true or false');
    expect(message({ LOG_LEVEL: 'loud' })).toContain('LOG_LEVEL must be one of');
  });

  it('takes several hosts of one store, and nothing that is no address of one', () => {
    const url = (text: string) => readConfig({ EVENTSTORE_URL: text }).eventStoreUrl;
    const three = 'esdb://user:pass%40word@store-1:2113,store-2:2113,10.0.0.3:2113?tls=true&tlsCaFile=/tls/ca.crt';
    expect(url(three)).toBe(three);
    expect(url('esdb://a,b,c')).toBe('esdb://a,b,c');
    expect(url('esdb+discover://store:2113')).toBe('esdb+discover://store:2113');
    for (const wrong of ['store-1:2113', 'http://store-1:2113,store-2:2113', 'esdb://a:x,b:2113', 'esdb://a b,c']) {
      expect(message({ EVENTSTORE_URL: wrong })).toBe('EVENTSTORE_URL must be an esdb:// URL.');
    }
  });

  it('believes a proxy on this machine, or those that are named', () => {
    expect(readConfig({}).trustedProxies).toEqual(['loopback']);
    const env = { TRUSTED_PROXIES: 'loopback, 172.30.1.0/24,fd00::/8,10.0.0.1' };
    expect(readConfig(env).trustedProxies).toEqual(['loopback', '172.30.1.0/24', 'fd00::/8', '10.0.0.1']);
    for (const wrong of ['proxy', '10.0.0.0/33', '10.0.0.0/8/8', '10.0.0.1,', 'true']) {
      expect(message({ TRUSTED_PROXIES: wrong })).toContain('TRUSTED_PROXIES must be IP addresses, networks');
    }
  });

  it('never repeats a secret', () => {
    expect(message({ MASTER_KEY: 'too-short-secret' })).toBe('MASTER_KEY must be 32 bytes in base64.');
    expect(message({ DATABASE_URL: 'mysql://u:secret@h/d' })).not.toContain('secret');
  });

  it('explains every variable', () => {
    for (const name of ['HOST', 'PORT', 'DATA_DIR', 'MASTER_KEY', 'ADMIN_TOKEN', 'DEMO_USERS']) {
      expect(helpText()).toContain(name);
    }
  });
});
