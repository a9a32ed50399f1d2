/** Work that only one node at a time may do. For what is short and seldom: a turn holds a connection of the database. */
export interface Turns {
  /**
   * Does the work when nobody else does work of the same name. @throws TurnTaken when that takes too long; whatever
   * the work throws.
   */
  take<T>(name: string, work: () => Promise<T>): Promise<T>;
}

/** Somebody else had the turn for as long as one may wait. */
export class TurnTaken extends Error {
  override readonly name = 'TurnTaken';
}
