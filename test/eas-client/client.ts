/** One device of one person, speaking ActiveSync: requests and answers, without memory of items. */
import { formatVersion, type ProtocolVersion } from '../../adapters/activesync/version.ts';
import { decodeWbxml } from '../../adapters/activesync/wbxml/decode.ts';
import type { Element } from '../../adapters/activesync/wbxml/element.ts';
import { base64Query, type Command, easPath, plainQuery } from './query.ts';
import type { HttpAnswer, Transport } from './transport.ts';

export interface ClientOptions {
  readonly transport: Transport;
  readonly user: string;
  readonly password: string;
  readonly deviceId: string;
  readonly deviceType?: string;
  readonly userAgent?: string;
  readonly version?: ProtocolVersion;
  readonly query?: 'plain' | 'base64';
  /** Told of every exchange when it is over. */
  readonly onExchange?: (exchange: Exchange) => void;
}

export interface Exchange {
  readonly command: Command | 'OPTIONS';
  readonly request: Element | undefined;
  readonly status: number;
  readonly answer: Element | undefined;
  readonly milliseconds: number;
}

export interface EasAnswer {
  readonly status: number;
  readonly headers: HttpAnswer['headers'];
  /** Undefined when the answer had no body. */
  readonly root: Element | undefined;
  /** Size of the body. */
  readonly bytes: number;
}

export interface SendOptions {
  /** 60 s unless told; parked requests say how long they park. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The server answered with an HTTP status that is no success. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  readonly retryAfter: string | undefined;

  constructor(command: string, answer: HttpAnswer) {
    super(`${command} was answered with HTTP ${answer.status}`);
    this.status = answer.status;
    const { 'retry-after': retryAfter } = answer.headers;
    this.retryAfter = typeof retryAfter === 'string' ? retryAfter : undefined;
  }
}

/** A command was answered with a status that ends it. Numbers of one command mean nothing in another. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly command: Command;
  readonly status: number;

  constructor(command: Command, status: number) {
    super(`${command} was answered with Status ${status}`);
    this.command = command;
    this.status = status;
  }
}

/** The answer breaks the protocol. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

export class EasClient {
  readonly transport: Transport;
  readonly user: string;
  readonly deviceId: string;
  readonly deviceType: string;
  version: ProtocolVersion;
  /** "0" until a policy was accepted. */
  policyKey = '0';
  readonly #query: 'plain' | 'base64';
  readonly #authorization: string;
  readonly #userAgent: string;
  readonly #onExchange: ClientOptions['onExchange'];

  constructor(options: ClientOptions) {
    this.transport = options.transport;
    this.user = options.user;
    this.deviceId = options.deviceId;
    this.deviceType = options.deviceType ?? 'MobileSyncPhone';
    this.version = options.version ?? 141;
    this.#query = options.query ?? 'plain';
    this.#authorization = `Basic ${Buffer.from(`${options.user}:${options.password}`).toString('base64')}`;
    this.#userAgent = options.userAgent ?? 'MobileSyncPhone/1.0';
    this.#onExchange = options.onExchange;
  }

  /** Versions and commands the server offers (MS-ASHTTP 2.2.3). @throws HttpError */
  async options(): Promise<{ versions: string[]; commands: string[] }> {
    const started = performance.now();
    const headers = { authorization: this.#authorization, 'user-agent': this.#userAgent };
    const answer = await this.transport.send({ method: 'OPTIONS', path: easPath, headers, timeoutMs: 30_000 });
    this.#tell('OPTIONS', undefined, answer.status, undefined, started);
    if (answer.status !== 200) throw new HttpError('OPTIONS', answer);
    return {
      versions: list(answer.headers['ms-asprotocolversions']),
      commands: list(answer.headers['ms-asprotocolcommands']),
    };
  }

  /** @throws NoAnswer, HttpError (with 449: Provision is asked for), ProtocolError when the answer is no WBXML. */
  async send(command: Command, body?: Buffer, options: SendOptions = {}): Promise<EasAnswer> {
    const started = performance.now();
    const answer = await this.transport.send({
      method: 'POST',
      path: this.#path(command),
      headers: this.#headers(body),
      ...(body ? { body } : {}),
      timeoutMs: options.timeoutMs ?? 60_000,
      ...(options.signal ? { signal: options.signal } : {}),
    });
    let root: Element | undefined;
    if (answer.status === 200 && answer.body.length > 0) {
      const decoded = decodeWbxml(answer.body);
      if (!decoded.ok) throw new ProtocolError(`the answer to ${command} is no WBXML: ${decoded.reason}`);
      root = decoded.root;
    }
    if (this.#onExchange) this.#tell(command, body, answer.status, root, started);
    if (answer.status !== 200) throw new HttpError(command, answer);
    return { status: answer.status, headers: answer.headers, root, bytes: answer.body.length };
  }

  #path(command: Command): string {
    const { user, deviceId, deviceType, version, policyKey } = this;
    const parts = { command, user, deviceId, deviceType, version, policyKey };
    return `${easPath}?${this.#query === 'plain' ? plainQuery(parts) : base64Query(parts)}`;
  }

  #headers(body: Buffer | undefined): Record<string, string> {
    const headers: Record<string, string> = { authorization: this.#authorization, 'user-agent': this.#userAgent };
    if (body) headers['content-type'] = 'application/vnd.ms-sync.wbxml';
    if (this.#query === 'plain') {
      headers['ms-asprotocolversion'] = formatVersion(this.version);
      headers['x-ms-policykey'] = this.policyKey;
    }
    return headers;
  }

  #tell(
    command: Exchange['command'],
    body: Buffer | undefined,
    status: number,
    answer: Element | undefined,
    started: number,
  ): void {
    if (!this.#onExchange) return;
    const decoded = body && decodeWbxml(body);
    const request = decoded?.ok ? decoded.root : undefined;
    this.#onExchange({ command, request, status, answer, milliseconds: performance.now() - started });
  }
}

function list(header: string | string[] | undefined): string[] {
  const text = Array.isArray(header) ? header.join(',') : (header ?? '');
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
