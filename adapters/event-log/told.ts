/** Which positions of one tenant this process has told of: all up to one, and beyond it some that it stored itself. */
import { NO_POSITION, type Position } from '../../domain/shared/ids.ts';

interface Range {
  readonly first: Position;
  readonly last: Position;
}

export class Told {
  /** All up to here were told of, or are older than this process. */
  upTo = NO_POSITION;
  /** The highest position told of. */
  highest = NO_POSITION;
  /** Own ones behind a gap, in order. */
  #ahead: Range[] = [];
  /** The highest that exists, as far as is known. */
  #head = NO_POSITION;

  get isBehind(): boolean {
    return this.upTo < this.#head;
  }

  /** At most so many positions are to be told of. */
  get missing(): number {
    return this.#head - this.upTo;
  }

  /** What was there before this process began. */
  begin(head: Position): void {
    this.exists(head);
    this.#reach(head);
  }

  exists(head: Position): void {
    if (head > this.#head) this.#head = head;
  }

  /** False when the last of them was told of before. */
  own(first: Position, last: Position): boolean {
    if (last <= this.upTo) return false;
    this.exists(last);
    if (last > this.highest) this.highest = last;
    if (first <= this.upTo + 1) this.#reach(last);
    else this.#ahead.push({ first, last });
    return true;
  }

  wasTold(position: Position): boolean {
    return position <= this.upTo || this.#ahead.some(({ first, last }) => first <= position && position <= last);
  }

  /** Everything up to there was read and told of. */
  read(last: Position): void {
    this.exists(last);
    this.#reach(last);
  }

  /** What is missing is not told one by one. */
  skip(): void {
    this.#reach(this.#head);
  }

  #reach(position: Position): void {
    let reached = Math.max(this.upTo, position) as Position;
    this.#ahead = this.#ahead.filter(({ first, last }) => {
      if (first > reached + 1) return true;
      if (last > reached) reached = last;
      return false;
    });
    this.upTo = reached;
    if (reached > this.highest) this.highest = reached;
  }
}
