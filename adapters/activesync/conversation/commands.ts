/**
 * The commands of a device in one Sync request: each becomes a command on its item, with an id made of what makes it
 * itself (device, folder, key, client's or server's id, content), so that the same one sent twice is one.
 */
import type { Folder } from '../../../domain/folder/state.ts';
import type { Fields } from '../../../domain/item/fields.ts';
import type {
  CollectionId,
  CommandId,
  DeviceKey,
  Instant,
  ItemId,
  Position,
  TenantId,
} from '../../../domain/shared/ids.ts';
import type { Standpoint } from '../../../domain/sync/decide.ts';
import type { HeldCommand, Holding, SyncEventData, SyncOptions } from '../../../domain/sync/events.ts';
import type { Held } from '../../../domain/sync/state.ts';
import type { ItemRow, ItemView } from '../../../projections/item-view/read.ts';
import type { ItemCommands, ItemRequest } from '../../items/item-commands.ts';
import type { FolderCandidates } from '../../matching/candidates.ts';
import type { ItemClass } from '../classes/port.ts';
import type { Session } from '../session.ts';
import type { Element } from '../wbxml/element.ts';
import type { Fragment } from '../wbxml/writer.port.ts';
import type { Claim } from './claims.ts';
import type { MassDeletes } from './hold-back.ts';
import type { Kin } from './kin.port.ts';
import type { Renderer } from './renderer.ts';
import type { Conversation, ConversationId, ConversationStore } from './store.ts';

/** What a device asks of one item (MS-ASCMD 2.2.3.32 Commands). */
export type ClientCommand =
  | { readonly do: 'add'; readonly clientId: string; readonly data: Element | undefined }
  | { readonly do: 'change'; readonly item: ItemId; readonly instanceId?: string; readonly data: Element | undefined }
  | { readonly do: 'delete'; readonly item: ItemId; readonly instanceId?: string }
  | { readonly do: 'fetch'; readonly item: ItemId };

/** What the answer says of one command; successful changes and deletes are not mentioned (MS-ASCMD 2.2.3.154). */
export interface CommandResponse {
  readonly do: ClientCommand['do'];
  readonly status: number;
  readonly clientId?: string;
  readonly item?: ItemId;
  readonly instanceId?: string;
  readonly data?: Fragment;
}

export interface CommandsDeps {
  readonly items: ItemCommands;
  readonly view: ItemView;
  readonly conversations: ConversationStore;
  readonly classOf: (kind: Folder['kind']) => ItemClass;
  readonly open: (tenant: TenantId, rows: readonly ItemRow[]) => Promise<Map<ItemId, Fields>>;
  /** Without it a key is served to the device alone that it was issued to. */
  readonly kin?: Kin;
  readonly commandId: (parts: readonly string[]) => CommandId;
  readonly nonce: () => string;
  readonly now: () => Instant;
  /** The position of the folder's last change that the view shows. */
  readonly folderHead: (tenant: TenantId, collection: CollectionId) => Position | Promise<Position>;
  /** The positions of the folder's rows that moved after the given one, where memory knows them all. */
  readonly movedSince: (
    tenant: TenantId,
    collection: CollectionId,
    position: Position,
  ) => readonly Position[] | undefined;
  /** Absent: a device may delete whatever it likes. */
  readonly massDeletes?: MassDeletes;
  /** Absent: what a phone brings is always new. */
  readonly candidates?: FolderCandidates;
}

export type Hold = SyncEventData['CommandsHeld'];

export interface CommandsInput {
  readonly session: Session;
  readonly folder: Folder;
  readonly id: ConversationId;
  readonly conversation: Conversation;
  readonly standpoint: Standpoint;
  readonly renderer: Renderer;
  readonly keyName: string;
  /** Whom the key was issued to: this device, or its former self. */
  readonly author: DeviceKey;
  readonly conflict: SyncOptions['conflict'];
  readonly supported: readonly number[] | null;
  readonly bodyPreferences: SyncOptions['bodyPreferences'];
  readonly commands: readonly ClientCommand[];
}

export interface CommandsResult {
  readonly responses: CommandResponse[];
  /** What the commands did to what the device holds, in order. */
  readonly ops: Holding[];
  /** Of what must be sent anew, what the device learns of in this answer: it is sent with the next. */
  readonly later: Set<ItemId>;
  /** What is held back from now on. */
  readonly hold?: Hold;
}

export type Planned = {
  readonly command: ClientCommand;
  readonly request?: ItemRequest;
  readonly response?: CommandResponse;
  /** Not carried out, and answered as if it were. */
  readonly held?: Pick<HeldCommand, 'item' | 'do'>;
  /** An Add that is another item, which `request` speaks of. */
  readonly claim?: Claim;
  /** `request` is what the change of this copy means. */
  readonly copyOf?: ItemId;
  /** `request` only notes which item that is. */
  readonly isForward?: boolean;
};

/** The commands of a request, ready to be carried out. */
export interface CommandPlan {
  readonly planned: readonly Planned[];
  readonly requests: readonly ItemRequest[];
  readonly held: ReadonlyMap<ItemId, Held>;
  readonly rows: ReadonlyMap<ItemId, ItemRow>;
  readonly hold?: Hold;
}
