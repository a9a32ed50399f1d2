/**
 * The body of an item on the wire: MS-ASAIRS 2.2.2.9 Body, 2.2.2.12 BodyPreference, 2.2.2.32 NativeBodyType.
 */
import type { Body } from '../../../domain/item/fields.ts';
import { AirSyncBase } from '../wbxml/code-pages/index.ts';
import { child, type Element } from '../wbxml/element.ts';
import type { WbxmlWriter } from '../wbxml/writer.port.ts';
import { renditionOf } from './body-rendition.ts';
import { maxBodyBytes } from './body-text.ts';
import type { RenderContext } from './port.ts';

export { reconcileBody } from './body-reconcile.ts';
export { htmlToText, maxBodyBytes, textToHtml } from './body-text.ts';

/** What rendering a body needs of the context. */
export type BodyContext = Pick<RenderContext, 'version' | 'bodyPreferences'>;

/**
 * Writes `AirSyncBase:Body` in the form that the client's preferences ask for; plain text when it named none. It is
 * written for an absent body too, empty: a client that is not told of a body keeps the one it has.
 *
 * A body whose content lies in the blob store has to be fetched by the caller first. One that was not is written as
 * truncated to nothing, with its true size, so that a client that wants it can fetch the item.
 */
export function renderBody(writer: WbxmlWriter, body: Body | undefined, context: BodyContext): void {
  const rendition = renditionOf(body, context);
  writer.open(AirSyncBase.Body);
  writer.element(AirSyncBase.Type, String(rendition.type));
  writer.element(AirSyncBase.EstimatedDataSize, String(rendition.sizeBytes));
  if (rendition.truncated) writer.element(AirSyncBase.Truncated, '1');
  if (rendition.data !== undefined) writer.element(AirSyncBase.Data, rendition.data);
  if (rendition.preview !== undefined) writer.element(AirSyncBase.Preview, rendition.preview);
  writer.close();
}

const nativeType = { text: '1', html: '2', rtf: '3' } as const;

/** Writes `AirSyncBase:NativeBodyType`: the form in which we keep the body. Nothing for an absent body. */
export function renderNativeBodyType(writer: WbxmlWriter, body: Body | undefined): void {
  if (body) writer.element(AirSyncBase.NativeBodyType, nativeType[body.type]);
}

/**
 * What a client says of the body. Undefined: nothing. `clear`: there is none. `refused`: a body over `maxBodyBytes`,
 * or of a form we cannot keep (MIME); answer Status 6.
 */
export type ParsedBody = Body | 'clear' | 'refused' | undefined;

/**
 * Reads `AirSyncBase:Body` of an `ApplicationData` or an `Exception`. RTF stays base64, as sent. A missing Type is
 * taken for plain text. A Body that has neither Data nor a word of Truncated is an empty one; one that says it is
 * truncated but brings no Data says nothing.
 */
export function parseBody(applicationData: Element): ParsedBody {
  const body = child(applicationData, AirSyncBase.Body);
  if (!body) return undefined;
  const data = child(body, AirSyncBase.Data);
  const content = dataText(data);
  if (content === '') {
    return !data && child(body, AirSyncBase.Truncated)?.text.trim() === '1' ? undefined : 'clear';
  }
  if (Buffer.byteLength(content) > maxBodyBytes) return 'refused';
  switch (child(body, AirSyncBase.Type)?.text.trim() ?? '1') {
    case '1':
    case '':
      return { type: 'text', content: content.replace(/\r\n?/g, '\n') };
    case '2':
      return { type: 'html', content };
    case '3':
      return parseRtf(data, content);
    default:
      return 'refused';
  }
}

function dataText(data: Element | undefined): string {
  if (!data) return '';
  return data.text !== '' || !data.opaque ? data.text : Buffer.from(data.opaque).toString('utf8');
}

function parseRtf(data: Element | undefined, content: string): ParsedBody {
  const base64 = content.replace(/\s+/g, '');
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return { type: 'rtf', content: base64 };
  // Some send the bytes themselves as opaque data.
  return data?.opaque ? { type: 'rtf', content: Buffer.from(data.opaque).toString('base64') } : 'refused';
}
