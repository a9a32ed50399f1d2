import { describe, expect, it } from 'vitest';
import { createLogger, redactUrl } from './logger.ts';

describe('the log', () => {
  it('leaves out who asks', () => {
    expect(redactUrl('/Microsoft-Server-ActiveSync?Cmd=Sync&User=kari%40demo.example&DeviceId=A1')).toBe(
      '/Microsoft-Server-ActiveSync?Cmd=Sync&User=…&DeviceId=A1',
    );
    expect(redactUrl('/x?user=kari')).toBe('/x?user=…');
    expect(redactUrl('/admin/failures?since=2h&person=kari%40demo.example')).toBe('/admin/failures?since=2h&person=…');
    expect(redactUrl('/admin/items?text=Br%C3%A5then&by=kari%40demo.example')).toBe('/admin/items?text=…&by=…');
    expect(redactUrl('/admin/accounts/kari@demo.example/poll')).toBe('/admin/accounts/…/poll');
  });

  it('holds no header, no body and no password', () => {
    const lines: string[] = [];
    const logger = createLogger('info', { write: (line) => void lines.push(line) });
    const req = { method: 'POST', url: '/x?User=kari', ip: '127.0.0.1', headers: { authorization: 'Basic c2VjcmV0' } };
    logger.info({ req, login: { password: 'secret' }, authorization: 'Basic c2VjcmV0' }, 'request');
    logger.error({ err: Object.assign(new Error('duplicate'), { detail: 'Key (email)=(kari@demo.example)' }) });
    expect(lines.join('')).toContain('"url":"/x?User=…"');
    expect(lines.join('')).not.toMatch(/c2VjcmV0|secret|kari/);
  });
});
