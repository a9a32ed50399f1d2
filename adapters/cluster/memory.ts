/** The bulletin in memory: a hub that several join as nodes of one process, for tests. */
import { Subject } from 'rxjs';
import type { Bulletin, BulletinMessage } from './bulletin.port.ts';
import { Outbox } from './outbox.ts';

export interface MemoryBulletins {
  join(options?: { readonly onError?: (error: unknown) => void }): MemoryBulletin;
}

export interface MemoryBulletin extends Bulletin {
  /** Hears nothing and tells nobody until the returned function is called, as while a connection is lost. */
  cutOff(): () => void;
}

interface Member {
  readonly heard: Subject<BulletinMessage>;
  readonly gaps: Subject<void>;
  isCutOff: boolean;
}

/** Messages arrive in a later turn, as they would from elsewhere. */
export function memoryBulletins(): MemoryBulletins {
  const members = new Set<Member>();
  const othersOf = (self: Member) => [...members].filter((one) => one !== self);

  return {
    join({ onError = () => {} } = {}) {
      const self: Member = { heard: new Subject(), gaps: new Subject(), isCutOff: false };
      const outbox = new Outbox();
      members.add(self);
      for (const other of othersOf(self)) if (!other.isCutOff) other.gaps.next();

      const send = () => {
        if (self.isCutOff) return;
        for (const message of outbox.take(Number.POSITIVE_INFINITY).values()) {
          for (const other of othersOf(self)) if (!other.isCutOff) other.heard.next(message);
        }
      };
      return {
        post(topic, key, text) {
          if (!members.has(self) || members.size === 1) return;
          try {
            outbox.put(topic, key, text);
          } catch (error) {
            onError(error);
            return;
          }
          setImmediate(send);
        },
        heard: self.heard.asObservable(),
        gaps: self.gaps.asObservable(),
        isAlone: () => members.size === 1,
        cutOff() {
          self.isCutOff = true;
          return () => {
            self.isCutOff = false;
            send();
            for (const member of members) if (!member.isCutOff) member.gaps.next();
          };
        },
        async close() {
          send();
          members.delete(self);
          self.heard.complete();
          self.gaps.complete();
        },
      };
    },
  };
}
