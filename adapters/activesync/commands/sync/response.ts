import type { ItemKind } from '../../../../domain/item/fields.ts';
import type { ServerCommand } from '../../conversation/changes.ts';
import type { ExchangeResult } from '../../conversation/terms.ts';
import type { ProtocolVersion } from '../../version.ts';
import { AirSync, AirSyncBase } from '../../wbxml/code-pages/index.ts';
import { Writer } from '../../wbxml/writer.ts';

export interface CollectionAnswer {
  readonly collectionId: string;
  /** The wire's Class, named in answers of 12.1 only (MS-ASCMD 2.2.3.27.5). */
  readonly className: string | undefined;
  readonly kind: ItemKind | undefined;
  readonly result: ExchangeResult;
}

const commandTag = {
  add: AirSync.Add,
  change: AirSync.Change,
  delete: AirSync.Delete,
  softDelete: AirSync.SoftDelete,
  fetch: AirSync.Fetch,
} as const;

/** The answer to a Sync with at least one collection. MoreAvailable precedes Commands: some clients insist. */
export function renderSync(answers: readonly CollectionAnswer[], version: ProtocolVersion): Buffer {
  const writer = new Writer();
  writer.open(AirSync.Sync).open(AirSync.Collections);
  for (const answer of answers) renderCollection(writer, answer, version);
  return writer.close().close().finish();
}

/** An answer to the request as a whole: a status, and for a wait out of bounds the bound. */
export function renderSyncStatus(status: number, limit?: number): Buffer {
  const writer = new Writer();
  writer.open(AirSync.Sync).element(AirSync.Status, String(status));
  if (limit !== undefined) writer.element(AirSync.Limit, String(limit));
  return writer.close().finish();
}

function renderCollection(writer: Writer, answer: CollectionAnswer, version: ProtocolVersion): void {
  const { result, collectionId, className } = answer;
  writer.open(AirSync.Collection);
  if (version < 140 && className) writer.element(AirSync.Class, className);
  writer.element(AirSync.SyncKey, result.syncKey);
  writer.element(AirSync.CollectionId, collectionId);
  writer.element(AirSync.Status, String(result.status));
  if (result.moreAvailable) writer.empty(AirSync.MoreAvailable);
  if (result.responses.length > 0) renderResponses(writer, result);
  if (result.commands.length > 0) renderCommands(writer, result.commands);
  writer.close();
}

function renderResponses(writer: Writer, result: ExchangeResult): void {
  writer.open(AirSync.Responses);
  for (const response of result.responses) {
    writer.open(commandTag[response.do]);
    if (response.clientId !== undefined) writer.element(AirSync.ClientId, response.clientId);
    if (response.item !== undefined) writer.element(AirSync.ServerId, response.item);
    if (response.instanceId !== undefined) writer.element(AirSyncBase.InstanceId, response.instanceId);
    writer.element(AirSync.Status, String(response.status));
    if (response.data) writer.fragment(response.data);
    writer.close();
  }
  writer.close();
}

function renderCommands(writer: Writer, commands: readonly ServerCommand[]): void {
  writer.open(AirSync.Commands);
  for (const { op, item, data } of commands) {
    writer.open(commandTag[op]).element(AirSync.ServerId, item);
    if (data) writer.fragment(data);
    writer.close();
  }
  writer.close();
}
