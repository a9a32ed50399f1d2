/**
 * What the nodes of one installation tell each other: short messages that make news travel faster. Nothing depends on
 * a message arriving; whoever listens looks into the log or the database for the truth.
 */
import { NEVER, type Observable } from 'rxjs';

/** Names what a message is about; who listens filters by it. */
export type BulletinTopic = 'commits' | 'projected' | 'nodes' | 'office' | 'keys';

export interface BulletinMessage {
  readonly topic: BulletinTopic;
  readonly text: string;
}

export interface Bulletin {
  /**
   * Tells the other nodes soon, never awaited by a request, and says nothing while there are none. Of messages with
   * the same topic and key that wait to be sent only the last goes out. `text` is at most `maxBulletinBytes` long and
   * holds no zero character; another is reported as an error and not sent.
   */
  post(topic: BulletinTopic, key: string, text: string): void;
  /** What other nodes posted, never what this one did. */
  readonly heard: Observable<BulletinMessage>;
  /** Something may have been missed until now, or another node has just come: whoever listens looks for itself. */
  readonly gaps: Observable<void>;
  /**
   * No other node listens and none did within the last half minute. Also where that is not known for sure it is
   * false, so whoever must not miss another node's work looks for it while this is false.
   */
  isAlone(): boolean;
  /** Sends what waits, within a second. */
  close(): Promise<void>;
}

/** A notification of PostgreSQL holds no more. */
export const maxBulletinBytes = 7_000;

/** Of a node that is alone: it tells nobody and hears nothing. */
export const noBulletin: Bulletin = {
  post: () => {},
  heard: NEVER,
  gaps: NEVER,
  isAlone: () => true,
  close: async () => {},
};
