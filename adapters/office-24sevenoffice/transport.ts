import pLimit from 'p-limit';
import { Agent, request } from 'undici';
import { OutcomeUnknown, QuotaExceeded, Refused, Unavailable } from '../office/errors.ts';
import { faultError, quotaEnd } from './faults.ts';
import type { OfficeUrls, SoapService } from './services.ts';
import { bodyOf, envelope, faultText } from './soap.ts';
import { NotXml, type XmlElement } from './xml.ts';

/** One call, for metrics: nothing of what was said. */
export interface OfficeCallReport {
  readonly operation: string;
  readonly durationMs: number;
  /** `ok`, or the name of the error. */
  readonly outcome: string;
  /** What the office says is left of its quota. */
  readonly quotaRemaining?: number;
}

export interface TransportOptions {
  readonly urls: OfficeUrls;
  readonly nowMs: () => number;
  readonly timeoutMs: number;
  /** Most calls at a time. */
  readonly concurrency: number;
  readonly maxResponseBytes: number;
  readonly onCall?: (report: OfficeCallReport) => void;
}

export interface Transport {
  /**
   * Calls one operation. Throws SessionLost and the OfficeErrors; a write that was sent and not answered is
   * OutcomeUnknown.
   */
  call(service: SoapService, operation: string, parameters: XmlElement, cookie?: string): Promise<XmlElement>;
  close(): Promise<void>;
}

/** Most calls that may wait for their turn. */
const maxWaiting = 2000;

const neverSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string') return code;
  return error instanceof AggregateError && error.errors.length > 0 ? codeOf(error.errors[0]) : error.name;
}

const header = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

/** SOAP 1.1 over kept-alive connections, with a limit for everything that could grow or wait. */
export function createTransport(options: TransportOptions): Transport {
  const agent = new Agent({ connections: options.concurrency, pipelining: 1, keepAliveTimeout: 10_000 });
  const closing = new AbortController();
  const limit = pLimit(options.concurrency);

  async function send(service: SoapService, operation: string, parameters: XmlElement, cookie: string | undefined) {
    const write = service.operations[operation] === 'write';
    const lost = (why: string) =>
      write ? new OutcomeUnknown(`${operation}: ${why}`) : new Unavailable(`${operation}: ${why}`);
    const body = envelope({ [operation]: { '@_xmlns': service.namespace, ...parameters } });
    const url = `${options.urls[service.host]}${service.path}`;
    if (closing.signal.aborted) throw new Unavailable('The connection to the office is closed');
    let status: number;
    let headers: Record<string, string | string[] | undefined>;
    let answer: string;
    try {
      const response = await request(url, {
        dispatcher: agent,
        method: 'POST',
        headers: {
          'content-type': 'text/xml; charset=utf-8',
          soapaction: `"${service.namespace}/${operation}"`,
          ...(cookie === undefined ? {} : { cookie: `ASP.NET_SessionId=${cookie}` }),
        },
        body,
        headersTimeout: options.timeoutMs,
        bodyTimeout: options.timeoutMs,
        signal: AbortSignal.any([closing.signal, AbortSignal.timeout(options.timeoutMs)]),
      });
      status = response.statusCode;
      headers = response.headers;
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > options.maxResponseBytes) {
          response.body.destroy();
          throw lost('the answer is too long');
        }
        chunks.push(chunk);
      }
      answer = Buffer.concat(chunks).toString('utf8');
    } catch (error) {
      if (error instanceof Unavailable || error instanceof OutcomeUnknown) throw error;
      const code = codeOf(error);
      throw neverSent.has(code)
        ? new Unavailable(`No connection to the office (${code})`)
        : lost(`no answer (${code})`);
    }
    const remaining = Number(header(headers.apilimitremaining) ?? Number.NaN);
    const reset = header(headers.apilimitreset);
    return { write, lost, status, answer, remaining, reset, retryAfter: header(headers['retry-after']) };
  }

  type Sent = Awaited<ReturnType<typeof send>>;

  function understand(sent: Sent, operation: string): XmlElement {
    const { status, answer, reset, retryAfter, write, lost } = sent;
    const nowMs = options.nowMs();
    if (status === 429) {
      const seconds = Number(retryAfter);
      const stated = Number.isFinite(seconds) && seconds > 0 ? new Date(nowMs + seconds * 1000).toISOString() : reset;
      throw new QuotaExceeded(quotaEnd(stated, nowMs));
    }
    if (status !== 200 && status !== 500) {
      if (status === 502 || status === 504) throw lost(`HTTP ${status}`);
      if (status >= 500) throw new Unavailable(`${operation}: HTTP ${status}`);
      throw new Refused(`HTTP ${status}`);
    }
    let body: ReturnType<typeof bodyOf>;
    try {
      body = bodyOf(answer);
    } catch (error) {
      if (error instanceof NotXml) throw lost(`HTTP ${status} and no SOAP answer`);
      throw error;
    }
    if (body.name === 'Fault') throw faultError(faultText(body.element), write, reset, nowMs);
    if (status !== 200 || body.name !== `${operation}Response`) throw lost(`HTTP ${status} and an unexpected answer`);
    return body.element;
  }

  async function call(service: SoapService, operation: string, parameters: XmlElement, cookie?: string) {
    const startedMs = performance.now();
    let outcome = 'ok';
    let quotaRemaining: number | undefined;
    try {
      const sent = await send(service, operation, parameters, cookie);
      if (Number.isInteger(sent.remaining)) quotaRemaining = sent.remaining;
      return understand(sent, operation);
    } catch (error) {
      outcome = error instanceof Error ? error.name : 'unknown';
      throw error;
    } finally {
      const durationMs = performance.now() - startedMs;
      options.onCall?.({ operation, durationMs, outcome, ...(quotaRemaining === undefined ? {} : { quotaRemaining }) });
    }
  }

  return {
    async call(service, operation, parameters, cookie) {
      if (limit.pendingCount >= maxWaiting) throw new Unavailable('Too many calls wait for the office');
      return await limit(() => call(service, operation, parameters, cookie));
    },
    async close() {
      closing.abort();
      await agent.destroy();
    },
  };
}
