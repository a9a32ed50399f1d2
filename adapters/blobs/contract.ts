import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { SubjectId, TenantId } from '../../domain/shared/ids.ts';
import type { DataKey } from '../crypto.port.ts';
import { BlobBroken, type BlobStore, BlobTooLarge, maxBlobBytes } from './port.ts';
import { getSealed, putSealed } from './sealed.ts';

const fjord = 'fjord.example' as TenantId;
const fjell = 'fjell.example' as TenantId;
const future = '2999-01-01T00:00:00.000Z';
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Hides nothing: enough to see what the store is given, and for whom it opens. */
const key: DataKey = {
  subject: 'kari' as SubjectId,
  seal: (plain, context) => Buffer.concat([bytesOf(`${context}|`), plain]),
  open: (sealed, context) => {
    const head = bytesOf(`${context}|`);
    if (Buffer.compare(sealed.subarray(0, head.length), head) !== 0) throw new Error('sealed for another context');
    return sealed.subarray(head.length);
  },
};

export interface BlobSubject {
  readonly store: BlobStore;
  /** Changes the stored bytes behind the store's back. */
  corrupt(tenant: TenantId, hash: string): Promise<void>;
}

/** What every store of blobs promises. `make` gives an empty one. */
export function blobContract(name: string, make: () => Promise<BlobSubject>): void {
  describe(`${name} as a store of blobs`, () => {
    it('names bytes by their SHA-256 and gives them back', async () => {
      const { store } = await make();
      const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => index % 251);
      const hash = await store.put(fjord, bytes);
      expect(hash).toBe(createHash('sha256').update(bytes).digest('hex'));
      expect(Buffer.from((await store.get(fjord, hash)) ?? [])).toEqual(Buffer.from(bytes));
    });

    it('stores nothing, and half a buffer, as well as anything', async () => {
      const { store } = await make();
      const window = Buffer.from('abcdef').subarray(2, 4);
      expect(await store.get(fjord, await store.put(fjord, new Uint8Array()))).toHaveLength(0);
      expect(Buffer.from((await store.get(fjord, await store.put(fjord, window))) ?? []).toString()).toBe('cd');
    });

    it('knows what it has, and is not upset by names that are none', async () => {
      const { store } = await make();
      const hash = await store.put(fjord, bytesOf('one'));
      expect(await store.has(fjord, hash)).toBe(true);
      expect(await store.has(fjord, hash.replace(/^./, 'x'))).toBe(false);
      expect(await store.get(fjord, "'; drop table blobs; --")).toBeUndefined();
    });

    it('shows a tenant nothing of another', async () => {
      const { store } = await make();
      const hash = await store.put(fjord, bytesOf('secret'));
      expect(await store.get(fjell, hash)).toBeUndefined();
      expect(await store.has(fjell, hash)).toBe(false);
      expect(await store.list(fjell, { storedBefore: future, limit: 10 })).toEqual([]);
      expect(await store.remove(fjell, [hash], future)).toBe(0);
      expect(await store.has(fjord, hash)).toBe(true);
    });

    it('takes the same bytes twice, also at the same time', async () => {
      const { store } = await make();
      const hashes = await Promise.all(Array.from({ length: 8 }, () => store.put(fjord, bytesOf('same'))));
      expect(new Set(hashes).size).toBe(1);
      expect(await store.list(fjord, { storedBefore: future, limit: 10 })).toEqual([hashes[0]]);
    });

    it('does not let what the caller does to the bytes afterwards change the stored ones', async () => {
      const { store } = await make();
      const bytes = bytesOf('before');
      const hash = await store.put(fjord, bytes);
      bytes.fill(0);
      (await store.get(fjord, hash))?.fill(0);
      expect(Buffer.from((await store.get(fjord, hash)) ?? []).toString()).toBe('before');
    });

    it('tells when stored bytes are no longer what their name says', async () => {
      const { store, corrupt } = await make();
      const hash = await store.put(fjord, bytesOf('whole'));
      await corrupt(fjord, hash);
      await expect(store.get(fjord, hash)).rejects.toThrow(BlobBroken);
    });

    it('refuses what is too large', async () => {
      const { store } = await make();
      await expect(store.put(fjord, new Uint8Array(maxBlobBytes + 1))).rejects.toThrow(BlobTooLarge);
    });

    it('lists page by page in order of name, and nothing that is too young', async () => {
      const { store } = await make();
      const hashes = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((text) => store.put(fjord, bytesOf(text))));
      const pages: string[] = [];
      for (let after: string | undefined; ; ) {
        const page = await store.list(fjord, { storedBefore: future, after, limit: 2 });
        if (page.length === 0) break;
        pages.push(...page);
        after = page.at(-1);
      }
      expect(pages).toEqual([...hashes].sort());
      expect(await store.list(fjord, { storedBefore: '2000-01-01T00:00:00.000Z', limit: 10 })).toEqual([]);
    });

    it('removes what is old and named, once', async () => {
      const { store } = await make();
      const [gone, kept] = await Promise.all([store.put(fjord, bytesOf('gone')), store.put(fjord, bytesOf('kept'))]);
      expect(await store.remove(fjord, [gone, kept], '2000-01-01T00:00:00.000Z')).toBe(0);
      expect(await store.remove(fjord, [gone, gone], future)).toBe(1);
      expect(await store.has(fjord, gone)).toBe(false);
      expect(await store.has(fjord, kept)).toBe(true);
    });

    it('keeps what was stored again while a sweep was under way', async () => {
      const { store } = await make();
      const hash = await store.put(fjord, bytesOf('wanted again'));
      let sweep = new Date().toISOString();
      while (!(await store.list(fjord, { storedBefore: sweep, limit: 1 })).includes(hash)) {
        sweep = new Date().toISOString();
      }
      expect(await store.put(fjord, bytesOf('wanted again'))).toBe(hash);
      expect(await store.remove(fjord, [hash], sweep)).toBe(0);
      expect(await store.has(fjord, hash)).toBe(true);
    });

    it('holds sealed bytes only, which open for their tenant alone', async () => {
      const { store } = await make();
      const hash = await putSealed(store, fjord, key, bytesOf('long letter'));
      expect(Buffer.from((await getSealed(store, fjord, key, hash)) ?? []).toString()).toBe('long letter');
      const moved = await store.put(fjell, (await store.get(fjord, hash)) ?? new Uint8Array());
      await expect(getSealed(store, fjell, key, moved)).rejects.toThrow('another context');
    });
  });
}
