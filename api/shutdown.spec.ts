import { once } from 'node:events';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
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
});
