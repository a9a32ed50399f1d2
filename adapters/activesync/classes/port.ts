/**
 * One class of items on the wire: how its fields become `ApplicationData` and back. Pure; one file a class.
 */
import type { Fields, ItemKind, Patch } from '../../../domain/item/fields.ts';
import type { Instant, TimeZoneName } from '../../../domain/shared/ids.ts';
import type { ProtocolVersion } from '../version.ts';
import type { Element, Tag } from '../wbxml/element.ts';
import type { WbxmlWriter } from '../wbxml/writer.port.ts';

/** MS-ASAIRS 2.2.2.12 BodyPreference: type 1 text, 2 HTML, 3 RTF, 4 MIME. Sizes in bytes of UTF-8. */
export interface BodyPreference {
  readonly type: 1 | 2 | 3 | 4;
  readonly truncationSize?: number;
  readonly allOrNone?: boolean;
  readonly preview?: number;
}

export interface RenderContext {
  readonly version: ProtocolVersion;
  /** In the client's order of preference; empty when it named none. */
  readonly bodyPreferences: readonly BodyPreference[];
  /** The signed-in person's address, for what depends on being the organizer. */
  readonly email: string;
  /** The person's zone: for days that the wire holds as instants. */
  readonly timeZone: TimeZoneName;
  /** Set when a folder of another person is shown: private items show times only. */
  readonly foreign?: boolean;
}

export interface ParseContext {
  readonly version: ProtocolVersion;
  readonly operation: 'add' | 'change';
  /**
   * The properties that the device manages, from `Supported` at key 0 (MS-ASCMD 2.2.3.178). Null when it sent none;
   * see there for what an absent property means in each case.
   */
  readonly supported: ReadonlySet<Tag> | null;
  /** The person's zone: for values that come without one. */
  readonly timeZone: TimeZoneName;
  readonly email: string;
  /** The fields as the device knew them, for changes that speak of a part (an occurrence, a body type). */
  readonly known?: Fields;
  /** The preferences under which the device was given the item: see `reconcileBody`. Absent: none, all as plain text. */
  readonly bodyPreferences?: readonly BodyPreference[];
  /** 16.x: the occurrence a Change or Delete speaks of (AirSyncBase InstanceId, MS-ASAIRS 2.2.2.25), as sent. */
  readonly instanceId?: string;
}

export type Parsed<F extends Fields> =
  | { readonly kind: 'parsed'; readonly patch: Patch<F> }
  /** Sync Status for this command (MS-ASCMD 2.2.3.177.17): 6 for what cannot be understood. */
  | { readonly kind: 'refused'; readonly status: number; readonly reason: string };

export interface ItemClass<F extends Fields = Fields> {
  readonly kind: ItemKind;
  /** The wire's Class: `Contacts`, `Calendar`, `Tasks`, `Notes`. */
  readonly name: string;
  /** Raised when this class alone renders differently than before, so that devices are compared anew. */
  readonly mappingVersion?: number;
  /** Writes the children of `ApplicationData`. Never throws on fields that the class's schema accepts. */
  render(writer: WbxmlWriter, fields: F, context: RenderContext): void;
  /** Reads the children of `ApplicationData`. Tolerant: sloppy but meaningful values are mended. */
  parse(applicationData: Element, context: ParseContext): Parsed<F>;
  /** When it was done, as the device says it. Absent where the class has no element for it. */
  claimedAt?(applicationData: Element): Instant | undefined;
  /** 16.x: a Delete of one occurrence, `context.instanceId` of `context.known`. Absent where there are none. */
  deleteInstance?(context: ParseContext): Parsed<F>;
}
