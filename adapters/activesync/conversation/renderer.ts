/**
 * Turns an item's fields into the `ApplicationData` that one device gets, with a hash of it. The hash is what tells
 * whether a device must be sent an item again: after a change of options or of this program only what comes out
 * differently goes over the air.
 */
import { createHash } from 'node:crypto';
import type { Fields } from '../../../domain/item/fields.ts';
import type { SyncOptions } from '../../../domain/sync/events.ts';
import type { BodyPreference, ItemClass, RenderContext } from '../classes/port.ts';
import type { Session } from '../session.ts';
import { AirSync } from '../wbxml/code-pages/index.ts';
import type { Fragment } from '../wbxml/writer.port.ts';
import { Writer } from '../wbxml/writer.ts';

/** Raised when all classes render differently than before, so that devices are compared anew. */
export const mappingVersion = 1;

export interface Rendered {
  readonly fragment: Fragment;
  /** Tag of the rendering's options, then a hash of its bytes. */
  readonly hash: string;
}

const tagLength = 4;

export class Renderer {
  readonly #itemClass: ItemClass;
  readonly context: RenderContext;
  /** Two renderers with the same tag render every item alike. */
  readonly tag: string;

  constructor(itemClass: ItemClass, session: Session, options: Pick<SyncOptions, 'bodyPreferences'>, foreign: boolean) {
    this.#itemClass = itemClass;
    const bodyPreferences = options.bodyPreferences as readonly BodyPreference[];
    const { version, email, timeZone } = session;
    this.context = { version, bodyPreferences, email, timeZone, ...(foreign ? { foreign } : {}) };
    const mapping = [mappingVersion, itemClass.mappingVersion].filter((version) => version !== undefined);
    this.tag = digest(JSON.stringify([...mapping, this.context])).slice(0, tagLength);
  }

  /** @throws whatever the class throws on fields it cannot show; the item is then withheld. */
  render(fields: Fields): Rendered {
    const writer = Writer.fragment();
    writer.open(AirSync.ApplicationData);
    this.#itemClass.render(writer, fields, this.context);
    const fragment = writer.close().toFragment();
    return { fragment, hash: this.tag + digest(fragment.bytes) };
  }

  /** The device was given this item by a renderer that renders alike. */
  isOfThisTag(hash: string): boolean {
    return hash.startsWith(this.tag);
  }
}

/** Whether two hashes stand for the same bytes, whatever options they were rendered under. */
export function sameContent(a: string, b: string): boolean {
  return a !== '' && contentOf(a) === contentOf(b);
}

/** The part of a hash that stands for the bytes alone. */
export function contentOf(hash: string): string {
  return hash.slice(tagLength);
}

function digest(data: string | Uint8Array): string {
  return createHash('sha1').update(data).digest('base64url').slice(0, 14);
}
