/** The tenant is, or may be, another node's by now: nothing more is done here, and what was begun is finished there. */
export class HandedOver extends Error {
  override readonly name = 'HandedOver';
}
