/** The `KeyRing` over any table of wrapped keys, with a cache of unwrapped ones. */
import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { SubjectId, TenantId } from '../../domain/shared/ids.ts';
import type { Bulletin } from '../cluster/bulletin.port.ts';
import type { DataKey, KeyRing } from '../crypto.port.ts';
import { keyBytes, openWith, sealWith } from './envelope.ts';
import type { MasterKey } from './master-key.ts';

export interface WrappedKey {
  readonly subject: SubjectId;
  readonly owner: SubjectId;
  readonly wrapped: Uint8Array;
}

/** What a `KeyRing` needs of a store. A destroyed key's row stays and is answered by neither function. */
export interface KeyTable {
  /** Stores those of `fresh` whose subject has no row yet; answers with the living rows of `subjects`. */
  insertAndFind(
    tenant: TenantId,
    fresh: readonly WrappedKey[],
    subjects: readonly SubjectId[],
  ): Promise<readonly WrappedKey[]>;
  /** Erases the bytes of the subject and of all it owns, at any depth, and answers with their subjects. */
  destroy(tenant: TenantId, subject: SubjectId): Promise<readonly SubjectId[]>;
}

export interface KeyRingOptions {
  readonly table: KeyTable;
  readonly master: MasterKey;
  readonly maxCached?: number;
  /** How long a key destroyed by another process may be used by this one that did not hear of it; 5 minutes unless told. */
  readonly maxAgeMs?: number;
  /** Tells the other nodes whose keys were destroyed, and hears it of them. */
  readonly bulletin?: Pick<Bulletin, 'post' | 'heard' | 'gaps'>;
}

/** What a key is called where it is wrapped: it opens under this name alone. */
export const keyName = (tenant: TenantId, subject: SubjectId): string => `${tenant}\n${subject}`;

interface UnwrappedKey {
  readonly key: KeyObject;
  readonly dataKey: DataKey;
}

type Known = Map<SubjectId, UnwrappedKey>;

/** A ring over `table`. Few round trips: none for cached keys, one for a new subject of a cached owner. */
export function keyRing(options: KeyRingOptions): KeyRing {
  const { table, master, bulletin, maxCached = 50_000, maxAgeMs = 300_000 } = options;
  const cache = new LRUCache<string, UnwrappedKey>({ max: maxCached, ttl: maxAgeMs });
  // Rises with every destroy: what was read before one is not cached after it.
  let generation = 0;

  // A person's keys may be thousands, and nobody is erased often: the tenant's are all read anew.
  bulletin?.heard.subscribe(({ topic, text: tenant }) => {
    if (topic !== 'keys') return;
    generation++;
    for (const name of [...cache.keys()]) if (name.startsWith(`${tenant}\n`)) cache.delete(name);
  });
  bulletin?.gaps.subscribe(() => {
    generation++;
    cache.clear();
  });

  function wrap(tenant: TenantId, subject: SubjectId, owner: SubjectId, key: Uint8Array, ownerKey?: KeyObject) {
    const name = keyName(tenant, subject);
    return { subject, owner, wrapped: ownerKey ? sealWith(ownerKey, key, `key\n${name}`) : master.wrap(key, name) };
  }

  /** Adds to `known` what `rows` hold, unwrapped by owners that are known or among the rows, and caches it. */
  function unwrapInto(known: Known, tenant: TenantId, rows: readonly WrappedKey[], readIn: number): void {
    const bySubject = new Map(rows.map((row) => [row.subject, row]));
    const unwrap = (subject: SubjectId): UnwrappedKey | undefined => {
      const row = bySubject.get(subject);
      const at = known.get(subject) ?? cache.get(keyName(tenant, subject));
      if (at) known.set(subject, at);
      if (at || !row) return at;
      const name = keyName(tenant, subject);
      const owner = row.owner === subject ? undefined : unwrap(row.owner);
      if (row.owner !== subject && !owner) return undefined;
      const bytes = owner ? openWith(owner.key, row.wrapped, `key\n${name}`) : master.unwrap(row.wrapped, name);
      const key = createSecretKey(bytes);
      const unwrapped = { key, dataKey: dataKey(tenant, subject, key) };
      known.set(subject, unwrapped);
      if (readIn === generation) cache.set(name, unwrapped);
      return unwrapped;
    };
    for (const { subject } of rows) unwrap(subject);
  }

  function cached(tenant: TenantId, subjects: Iterable<SubjectId>): Known {
    const known: Known = new Map();
    for (const subject of subjects) {
      const key = cache.get(keyName(tenant, subject));
      if (key) known.set(subject, key);
    }
    return known;
  }

  function only(known: Known, subjects: Iterable<SubjectId>): Map<SubjectId, DataKey> {
    const keys = new Map<SubjectId, DataKey>();
    for (const subject of subjects) {
      const key = known.get(subject);
      if (key) keys.set(subject, key.dataKey);
    }
    return keys;
  }

  return {
    async find(tenant, subjects) {
      const known = cached(tenant, subjects);
      const missing = [...new Set(subjects)].filter((subject) => !known.has(subject));
      if (missing.length > 0) {
        const readIn = generation;
        unwrapInto(known, tenant, await table.insertAndFind(tenant, [], missing), readIn);
      }
      return only(known, subjects);
    },

    async ensure(tenant, subjects) {
      const owners = new Map(subjects.map(({ subject, owner }) => [subject, owner]));
      const known = cached(tenant, [...owners.keys(), ...owners.values()]);
      const missing = (): SubjectId[] => [...owners.keys()].filter((subject) => !known.has(subject));
      const missingOwners = (): SubjectId[] =>
        [...new Set(missing().map((subject) => owners.get(subject)!))].filter((owner) => !known.has(owner));
      const readIn = generation;
      const store = async (fresh: readonly WrappedKey[], wanted: readonly SubjectId[]): Promise<void> => {
        if (wanted.length > 0) unwrapInto(known, tenant, await table.insertAndFind(tenant, fresh, wanted), readIn);
      };

      // An owner that is not at hand may exist, and a key wrapped by another one in its place would be lost.
      if (missingOwners().length > 0) await store([], [...new Set([...missing(), ...missingOwners()])]);
      const freshOwners = missingOwners();
      await store(
        freshOwners.map((owner) => wrap(tenant, owner, owner, randomBytes(keyBytes))),
        freshOwners,
      );
      const fresh = missing().flatMap((subject) => {
        const owner = known.get(owners.get(subject)!);
        return owner ? [wrap(tenant, subject, owners.get(subject)!, randomBytes(keyBytes), owner.key)] : [];
      });
      await store(
        fresh,
        fresh.map((key) => key.subject),
      );
      return only(known, owners.keys());
    },

    async destroy(tenant, subject) {
      generation++;
      cache.delete(keyName(tenant, subject));
      const gone = await table.destroy(tenant, subject);
      generation++;
      for (const one of [subject, ...gone]) cache.delete(keyName(tenant, one));
      bulletin?.post('keys', tenant, tenant);
    },
  };
}

function dataKey(tenant: TenantId, subject: SubjectId, key: KeyObject): DataKey {
  // The key's name is authenticated with every payload, so a row of another subject cannot stand in for this one.
  const prefix = `data\n${tenant}\n${subject}\n`;
  return {
    subject,
    seal: (plain, context) => sealWith(key, plain, prefix + context),
    open: (sealed, context) => openWith(key, sealed, prefix + context),
  };
}
