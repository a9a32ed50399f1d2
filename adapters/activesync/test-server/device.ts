/** A device that says exactly what a spec wants it to say. */
import { el } from '../../../test/eas-client/elements.ts';
import { formatVersion, type ProtocolVersion } from '../version.ts';
import { AirSync, Contacts, FolderHierarchy, Ping } from '../wbxml/code-pages/index.ts';
import { decodeWbxml } from '../wbxml/decode.ts';
import { child, type Element, type Tag, textOf } from '../wbxml/element.ts';
import { encodeTree } from '../wbxml/writer.ts';
import type { TestServer } from './server.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly root: Element | undefined;
}

export interface DeviceOptions {
  readonly email: string;
  readonly deviceId?: string;
  readonly version?: ProtocolVersion;
  readonly password?: string;
}

let devices = 0;

export class TestDevice {
  readonly server: TestServer;
  readonly email: string;
  readonly deviceId: string;
  version: ProtocolVersion;
  policyKey = '0';
  folderKey = '0';
  readonly authorization: string;

  constructor(server: TestServer, { email, deviceId, version, password }: DeviceOptions) {
    this.server = server;
    this.email = email;
    this.deviceId = deviceId ?? `device${++devices}`;
    this.version = version ?? 141;
    this.authorization = `Basic ${Buffer.from(`${email}:${password ?? 'secret'}`).toString('base64')}`;
  }

  async raw(query: string, body?: Buffer, headers: Record<string, string | undefined> = {}): Promise<Answer> {
    const all = {
      authorization: this.authorization,
      'user-agent': 'Test/1.0',
      'ms-asprotocolversion': formatVersion(this.version),
      'x-ms-policykey': this.policyKey,
      ...(body ? { 'content-type': 'application/vnd.ms-sync.wbxml' } : {}),
      ...headers,
    };
    const answer = await this.server.app.inject({
      method: 'POST',
      url: `/Microsoft-Server-ActiveSync${query}`,
      // Undefined leaves one out.
      headers: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)),
      ...(body ? { payload: body } : {}),
    });
    const isWbxml = String(answer.headers['content-type']).startsWith('application/vnd.ms-sync');
    const decoded = isWbxml ? decodeWbxml(answer.rawPayload) : undefined;
    if (decoded && !decoded.ok) throw new Error(`the answer is no WBXML: ${decoded.reason}`);
    return { status: answer.statusCode, headers: answer.headers, text: answer.body, root: decoded?.root };
  }

  send(command: string, tree?: Element): Promise<Answer> {
    const query = `?Cmd=${command}&User=${encodeURIComponent(this.email)}&DeviceId=${this.deviceId}&DeviceType=Test`;
    return this.raw(query, tree && encodeTree(tree));
  }

  /** The status in the answer's root. */
  async statusOf(command: string, tree: Element | undefined, status: Tag): Promise<number> {
    const { root } = await this.send(command, tree);
    return Number(root && textOf(root, status));
  }

  async folderSync(key = this.folderKey): Promise<{ status: number; key: string; changes: Element[] }> {
    const { FolderSync, SyncKey, Status, Changes, Count } = FolderHierarchy;
    const { root } = await this.send('FolderSync', el(FolderSync, [el(SyncKey, key)]));
    if (!root) throw new Error('FolderSync was not answered');
    const changes = (child(root, Changes)?.children ?? []).filter(({ tag }) => tag !== Count);
    const next = textOf(root, SyncKey) ?? '';
    if (next) this.folderKey = next;
    return { status: Number(textOf(root, Status)), key: next, changes };
  }

  /** Folders by name, from a fresh look. */
  async folders(): Promise<Map<string, string>> {
    const { changes } = await this.folderSync('0');
    return new Map(
      changes.map((folder) => [
        textOf(folder, FolderHierarchy.DisplayName) ?? '',
        textOf(folder, FolderHierarchy.ServerId) ?? '',
      ]),
    );
  }

  /** One Sync of one folder; `key` '0' begins it. */
  async sync(collection: string, key: string, commands: readonly Element[] = []) {
    const parts = [el(AirSync.SyncKey, key), el(AirSync.CollectionId, collection)];
    if (key !== '0') parts.push(el(AirSync.GetChanges), el(AirSync.WindowSize, '100'));
    if (commands.length > 0) parts.push(el(AirSync.Commands, commands));
    const request = el(AirSync.Sync, [el(AirSync.Collections, [el(AirSync.Collection, parts)])]);
    const { root, status } = await this.send('Sync', request);
    const collections = root && child(root, AirSync.Collections);
    const answer = collections && child(collections, AirSync.Collection);
    const given = answer && child(answer, AirSync.Commands);
    const responses = answer && child(answer, AirSync.Responses);
    return {
      http: status,
      status: Number((answer && textOf(answer, AirSync.Status)) ?? (root && textOf(root, AirSync.Status)) ?? 1),
      key: (answer && textOf(answer, AirSync.SyncKey)) ?? key,
      commands: given?.children ?? [],
      responses: responses?.children ?? [],
    };
  }

  /** Begins the folder and takes all it holds. */
  async pull(collection: string): Promise<{ key: string; items: string[] }> {
    let { key } = await this.sync(collection, '0');
    const items: string[] = [];
    for (;;) {
      const answer = await this.sync(collection, key);
      items.push(...answer.commands.map((command) => textOf(command, AirSync.ServerId) ?? ''));
      if (answer.key === key || answer.commands.length === 0) return { key: answer.key, items };
      key = answer.key;
    }
  }

  async ping(seconds: number | undefined, collections?: readonly string[]): Promise<{ status: number; root: Element }> {
    const parts: Element[] = [];
    if (seconds !== undefined) parts.push(el(Ping.HeartbeatInterval, String(seconds)));
    if (collections) {
      const folders = collections.map((id) => el(Ping.Folder, [el(Ping.Id, id), el(Ping.Class, 'Contacts')]));
      parts.push(el(Ping.Folders, folders));
    }
    const { root } = await this.send('Ping', parts.length > 0 ? el(Ping.Ping, parts) : undefined);
    if (!root) throw new Error('Ping was not answered');
    return { status: Number(textOf(root, Ping.Status)), root };
  }
}

/** An Add of a contact, as Sync wants it. */
export function addContact(clientId: string, familyName: string): Element {
  const lastName = el(Contacts.LastName, familyName);
  return el(AirSync.Add, [el(AirSync.ClientId, clientId), el(AirSync.ApplicationData, [lastName])]);
}

export function serverIds(responses: readonly Element[]): string[] {
  return responses.map((response) => textOf(response, AirSync.ServerId) ?? '');
}
