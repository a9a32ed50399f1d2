/**
 * HTTP for the client: undici's pool with handlers of its own, which costs the load generator about half of what fetch
 * does and lets it choose the local address of a connection.
 */
import { type Dispatcher, Pool } from 'undici';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'OPTIONS' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** From sending to the last byte; without it the request may take for ever. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface TransportOptions {
  /** Scheme, host and port. */
  readonly url: string;
  /** Connections at most; requests beyond wait for one. */
  readonly connections?: number;
  /** Another loopback address gives another range of ports. */
  readonly localAddress?: string;
  /** Accept a certificate nobody signed. */
  readonly insecure?: boolean;
}

/** No answer came: the server does not listen, hung up, or took longer than allowed. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  readonly reason: 'unreachable' | 'cut' | 'timeout' | 'cancelled';

  constructor(reason: NoAnswer['reason'], message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}

export class Transport {
  readonly url: string;
  readonly #pool: Pool;

  constructor(options: TransportOptions) {
    const { origin } = new URL(options.url);
    this.url = origin;
    this.#pool = new Pool(origin, {
      connections: options.connections ?? 4,
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: {
        timeout: 30_000,
        ...(options.localAddress ? { localAddress: options.localAddress } : {}),
        ...(options.insecure ? { rejectUnauthorized: false } : {}),
      },
    });
  }

  /** @throws NoAnswer when there is none. */
  send(request: HttpRequest): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      this.#pool.dispatch(
        { method: request.method, path: request.path, headers: request.headers, body: request.body ?? null },
        new Exchange(request, resolve, reject),
      );
    });
  }

  /** Cuts every connection; requests under way end with {@link NoAnswer}. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: HttpRequest;
  readonly #resolve: (answer: HttpAnswer) => void;
  readonly #reject: (error: NoAnswer) => void;
  readonly #chunks: Buffer[] = [];
  #status = 0;
  #headers: HttpAnswer['headers'] = {};
  #timer: NodeJS.Timeout | undefined;
  #cancel: (() => void) | undefined;

  constructor(request: HttpRequest, resolve: (answer: HttpAnswer) => void, reject: (error: NoAnswer) => void) {
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    const { timeoutMs, signal } = this.#request;
    if (timeoutMs !== undefined) {
      const message = `no answer within ${timeoutMs} ms`;
      this.#timer = setTimeout(() => controller.abort(new NoAnswer('timeout', message)), timeoutMs);
    }
    if (signal) {
      this.#cancel = () => controller.abort(new NoAnswer('cancelled', 'the request was given up'));
      if (signal.aborted) this.#cancel();
      else signal.addEventListener('abort', this.#cancel, { once: true });
    }
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: HttpAnswer['headers']): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#done();
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.#resolve({ status: this.#status, headers: this.#headers, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#done();
    this.#reject(error instanceof NoAnswer ? error : noAnswer(error));
  }

  #done(): void {
    clearTimeout(this.#timer);
    if (this.#cancel) this.#request.signal?.removeEventListener('abort', this.#cancel);
  }
}

function noAnswer(error: Error): NoAnswer {
  const { code } = error as NodeJS.ErrnoException;
  const reason = code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EHOSTUNREACH' ? 'unreachable' : 'cut';
  return new NoAnswer(reason, error.message || String(code), error);
}
