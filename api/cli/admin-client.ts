/** The administration of a running server, over HTTP: the same that anyone else can use. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { ConfigError } from '../config.ts';
import { type CliEnvironment, dataDirOf } from './command-line.ts';

export interface AdminEnvironment extends CliEnvironment {
  /** Base URL of the server; http://127.0.0.1:8080 unless told. */
  readonly MOBILESYNC_URL?: string;
  readonly ADMIN_TOKEN?: string;
  /** Who acts, for the history; the operating system's user unless told. */
  readonly MOBILESYNC_NAME?: string;
  readonly USER?: string;
  readonly HOST?: string;
  readonly PORT?: string;
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** The server understood and says no, in a sentence for people. */
export class AdminRefused extends Error {
  override readonly name = 'AdminRefused';
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class AdminClient {
  readonly #env: AdminEnvironment;
  #token: string | undefined;

  constructor(env: AdminEnvironment) {
    this.#env = env;
  }

  get url(): string {
    const { MOBILESYNC_URL, HOST, PORT } = this.#env;
    return (MOBILESYNC_URL?.trim() || `http://${HOST?.trim() || '127.0.0.1'}:${PORT?.trim() || '8080'}`).replace(
      /\/+$/,
      '',
    );
  }

  /** `path` starts after `/admin`. @throws AdminRefused, ConfigError */
  async get<T>(path: string, query: Query = {}): Promise<T> {
    return (await (await this.#fetch('GET', path, query)).json()) as T;
  }

  /** @throws AdminRefused, ConfigError */
  async post<T>(path: string, body?: unknown, query: Query = {}): Promise<T> {
    return await this.send<T>('POST', path, body, query);
  }

  /** Undefined for an answer without content. @throws AdminRefused, ConfigError */
  async send<T>(method: string, path: string, body?: unknown, query: Query = {}): Promise<T> {
    const response = await this.#fetch(method, path, query, body);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  /** The pages of a listing, one after the other: each says in `next` where the following begins. */
  async *pages<T extends { readonly next: string | number | null }>(path: string, query: Query = {}): AsyncIterable<T> {
    for (let after: string | number | undefined; ; ) {
      const page = await this.get<T>(path, { ...query, after });
      yield page;
      if (page.next === null) return;
      after = page.next;
    }
  }

  /** Everything of a listing: `name` is where each page holds its rows. */
  async all<Row>(path: string, name: string, query: Query = {}): Promise<Row[]> {
    const rows: Row[] = [];
    type Page = Readonly<Record<string, readonly Row[]>> & { readonly next: string | number | null };
    for await (const page of this.pages<Page>(path, query)) rows.push(...(page[name] as readonly Row[]));
    return rows;
  }

  /** The lines of an answer in application/x-ndjson, as they come. */
  async *lines<T>(method: string, path: string, query: Query = {}, body?: unknown): AsyncIterable<T> {
    const response = await this.#fetch(method, path, query, body, 'application/x-ndjson');
    if (!response.body) return;
    const input = Readable.fromWeb(response.body as never);
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (line === '') continue;
      const item = JSON.parse(line);
      // What failed after the first line could not be told by the status any more.
      if (typeof item.error === 'string' && typeof item.message === 'string') throw new AdminRefused(500, item.message);
      yield item as T;
    }
  }

  async #fetch(method: string, path: string, query: Query, body?: unknown, accept = 'application/json') {
    const url = new URL(`${this.url}/admin${path}`);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const name = this.#env.MOBILESYNC_NAME?.trim() || this.#env.USER?.trim();
    const headers = {
      accept,
      authorization: `Bearer ${await this.#secret()}`,
      ...(name ? { 'x-admin-name': encodeURIComponent(name) } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    let response: Response;
    try {
      const sent = body === undefined ? {} : { body: JSON.stringify(body) };
      response = await fetch(url, { method, headers, ...sent });
    } catch (error) {
      const cause = (error as Error).cause as { code?: string; message?: string } | undefined;
      throw new ConfigError(
        `No server answers at ${this.url} (${cause?.code ?? cause?.message ?? 'unknown'}): start it, or set MOBILESYNC_URL.`,
      );
    }
    if (response.ok) return response;
    const answer = (await response.json().catch(() => ({}))) as { message?: string };
    if (response.status === 401) throw new ConfigError('The server does not take this ADMIN_TOKEN.');
    throw new AdminRefused(response.status, answer.message ?? `The server answered ${response.status}.`);
  }

  async #secret(): Promise<string> {
    if (this.#token !== undefined) return this.#token;
    const given = this.#env.ADMIN_TOKEN?.trim();
    if (given) return (this.#token = given);
    const file = path.join(dataDirOf(this.#env), 'admin.token');
    try {
      return (this.#token = (await readFile(file, 'utf8')).trim());
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new ConfigError(`ADMIN_TOKEN is missing, and ${file} is not there.`);
    }
  }
}
