import { once } from 'node:events';
import { request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startTestShell } from '../test/shell.ts';

describe('stopping', () => {
  it('answers parked requests, and takes no new ones', async () => {
    const parked: (() => void)[] = [];
    let isParked: () => void = () => {};
    const firstParked = new Promise<void>((resolve) => {
      isParked = resolve;
    });
    const shell = await startTestShell({
      activesync: async (app) => {
        app.get('/Microsoft-Server-ActiveSync', async () => {
          await new Promise<void>((resolve) => {
            parked.push(resolve);
            isParked();
          });
          return { ended: true };
        });
      },
      shutdown: () => {
        for (const end of parked) end();
      },
    });
    await shell.app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = shell.app.server.address() as AddressInfo;
    const ping = request({ host: '127.0.0.1', port, path: '/microsoft-server-activesync' });
    const answered = once(ping, 'response');
    ping.end();
    await firstParked;

    const closed = shell.close();
    const [response] = await answered;
    expect(response.statusCode).toBe(200);
    response.resume();
    await closed;
    await expect(fetch(`http://127.0.0.1:${port}/health/live`)).rejects.toThrow();
  });

  it('says that it is about to, while it still answers as ever', async () => {
    let isLeaving = false;
    const shell = await startTestShell({ ready: { checks: {}, isLeaving: () => isLeaving } });
    expect((await shell.app.inject('/health/ready')).statusCode).toBe(200);
    isLeaving = true;
    const answer = await shell.app.inject('/health/ready');
    expect([answer.statusCode, answer.json()]).toEqual([503, { status: 'closing', checks: {} }]);
    expect((await shell.app.inject('/health/live')).statusCode).toBe(200);
    await shell.close();
  });

  it('answers what comes on an open connection while waiting requests are ended', async () => {
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const { promise: ending, resolve: begin } = Promise.withResolvers<void>();
    const shell = await startTestShell({
      shutdown: () => {
        begin();
        return over;
      },
    });
    await shell.app.listen({ host: '127.0.0.1', port: 0 });
    const socket = connect((shell.app.server.address() as AddressInfo).port, '127.0.0.1');
    let said = '';
    socket.on('data', (chunk) => {
      said += chunk;
    });
    const ask = async () => {
      const before = said.length;
      socket.write('GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n');
      await expect.poll(() => said.length, { interval: 5 }).toBeGreaterThan(before);
    };
    await ask();
    const closed = shell.close();
    await ending;
    await ask();
    expect(said.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
    end();
    await closed;
  });
});
