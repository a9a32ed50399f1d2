import fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sendCsv, sendLines, wantedOf } from './streaming.ts';

let app: FastifyInstance;
let isEnded: boolean;

async function* items(count: number, failAt = -1) {
  try {
    for (let n = 0; n < count; n++) {
      if (n === failAt) throw new Error('a secret inside');
      yield { n, text: n === 1 ? '=1+1' : 'Åse, "A"' };
    }
  } finally {
    isEnded = true;
  }
}

beforeAll(async () => {
  app = fastify({ logger: false });
  app.get('/lines', (_, reply) => sendLines(reply, items(3)));
  app.get('/broken', (_, reply) => sendLines(reply, items(3, 2)));
  app.get('/csv', (_, reply) =>
    sendCsv(reply, items(2), [
      { name: 'n', value: ({ n }) => String(n) },
      { name: 'text', value: ({ text }) => text },
    ]),
  );
  app.get('/endless', (_, reply) => sendLines(reply, items(Number.POSITIVE_INFINITY)));
  await app.listen({ port: 0, host: '127.0.0.1' });
});
afterAll(() => app.close());

describe('a long answer', () => {
  it('is a line of JSON for each', async () => {
    const { headers, body } = await app.inject('/lines');
    expect(headers['content-type']).toContain('application/x-ndjson');
    expect(
      body
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).n),
    ).toEqual([0, 1, 2]);
  });

  it('that breaks off says so in its last line, and not why', async () => {
    const { statusCode, body } = await app.inject('/broken');
    expect(statusCode).toBe(200);
    const lines = body
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.at(-1)).toEqual({ error: 'internal', message: expect.stringContaining('request') });
    expect(body).not.toContain('secret');
  });

  it('is CSV with a heading, whose cells no spreadsheet takes for formulas', async () => {
    const { body } = await app.inject('/csv');
    expect(body).toBe('n,text\r\n0,"Åse, ""A"""\r\n1,\'=1+1\r\n');
  });

  it('is made no further when nobody reads it', async () => {
    isEnded = false;
    const { port } = app.server.address() as { port: number };
    const abort = new AbortController();
    const response = await fetch(`http://127.0.0.1:${port}/endless`, { signal: abort.signal });
    await response.body!.getReader().read();
    abort.abort();
    await expect.poll(() => isEnded, { timeout: 5_000 }).toBe(true);
  });
});

describe('what a client can read', () => {
  it('is a page of JSON unless it names lines or CSV', () => {
    const wanted = (accept?: string) => wantedOf({ headers: { accept } });
    expect(wanted()).toBe('json');
    expect(wanted('*/*')).toBe('json');
    expect(wanted('application/x-ndjson')).toBe('ndjson');
    expect(wanted('text/csv, */*;q=0.1')).toBe('csv');
  });
});
