/** What one WBXML document may cost. Whatever passes a limit is refused, never cut. */
export interface DecodeLimits {
  /** Size of the document. */
  readonly bytesMax: number;
  /** Elements inside each other; the root counts as one. */
  readonly depthMax: number;
  readonly elementsMax: number;
  /**
   * UTF-16 units of all text together. A table string may be referenced again and again, so the size of the document
   * does not bound its text.
   */
  readonly textLengthMax: number;
  /** Pieces of text and opaque data: a piece of one byte costs far more memory than the byte. */
  readonly piecesMax: number;
}

export const defaultDecodeLimits: DecodeLimits = Object.freeze({
  bytesMax: 32 * 1024 * 1024,
  depthMax: 32,
  elementsMax: 200_000,
  textLengthMax: 32 * 1024 * 1024,
  piecesMax: 400_000,
});
