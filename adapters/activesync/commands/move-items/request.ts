import { Move } from '../../wbxml/code-pages/index.ts';
import { childrenOf, type Element, textOf } from '../../wbxml/element.ts';

/** One move as asked (MS-ASCMD 2.2.3.113). */
export interface MoveRequest {
  readonly item: string;
  readonly from: string;
  readonly to: string;
}

export const movesMax = 1_000;

/** Undefined for what is no list of moves. */
export function parseMoves(root: Element | undefined): MoveRequest[] | undefined {
  if (root?.tag !== Move.MoveItems) return undefined;
  const moves = childrenOf(root, Move.Move).map((element) => ({
    item: textOf(element, Move.SrcMsgId) ?? '',
    from: textOf(element, Move.SrcFldId) ?? '',
    to: textOf(element, Move.DstFldId) ?? '',
  }));
  return moves.length > 0 && moves.length <= movesMax ? moves : undefined;
}
