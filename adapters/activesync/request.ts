/** What a command handler is given and what it answers. */
import type { Session } from './session.ts';
import type { Element } from './wbxml/element.ts';

export interface CommandRequest {
  readonly session: Session;
  /** Undefined when the request had no body. */
  readonly root: Element | undefined;
  /** Called at the latest when the client hangs up or the server stops; a parked request then ends. */
  readonly onClose: (end: () => void) => void;
}

export type CommandAnswer =
  | { readonly kind: 'wbxml'; readonly body: Buffer }
  /** 200 without a body: nothing to say. */
  | { readonly kind: 'empty' }
  /** An HTTP status, for what the protocol has no status for. */
  | { readonly kind: 'http'; readonly status: number; readonly headers?: Readonly<Record<string, string>> };

export type CommandHandler = (request: CommandRequest) => Promise<CommandAnswer>;
