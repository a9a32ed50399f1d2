/** What a `KeyRing` promises, whatever table is under it. */
import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { SubjectId, TenantId } from '../../domain/shared/ids.ts';
import { memoryBulletins } from '../cluster/memory.ts';
import { SealBroken } from './envelope.ts';
import { type KeyTable, keyRing } from './key-ring.ts';
import { masterKey } from './master-key.ts';

const subject = (name: string): SubjectId => name as SubjectId;
const plain = Buffer.from('Kari Nordmann, +47 912 34 567');

export function keyRingContract(name: string, makeTable: () => Promise<KeyTable>): void {
  describe(`${name} as a key ring`, () => {
    const master = masterKey(randomBytes(32));
    let table: KeyTable;
    let tenants = 0;
    const newTenant = (): TenantId => `tenant-${++tenants}` as TenantId;
    const ring = () => keyRing({ table, master });
    const owned = (one: string) => ({ subject: subject(one), owner: subject('kari') });
    beforeAll(async () => {
      table = await makeTable();
    });

    it('opens what it sealed, also after a restart', async () => {
      const tenant = newTenant();
      const key = (await ring().ensure(tenant, [owned('item')])).get(subject('item'))!;
      const sealed = key.seal(plain, 'here');
      expect(Buffer.from(sealed).includes('Nordmann')).toBe(false);
      const again = (await ring().find(tenant, [subject('item')])).get(subject('item'))!;
      expect(Buffer.from(again.open(sealed, 'here'))).toEqual(plain);
    });

    it('makes a key once, however many ask at the same time from two processes', async () => {
      const tenant = newTenant();
      const rings = [ring(), ring()];
      const asked = await Promise.all(
        Array.from({ length: 10 }, (_, n) => rings[n % 2]!.ensure(tenant, [owned('item'), owned('kari')])),
      );
      const sealed = asked[0]!.get(subject('item'))!.seal(plain, 'x');
      for (const keys of asked) expect(Buffer.from(keys.get(subject('item'))!.open(sealed, 'x'))).toEqual(plain);
    });

    it('forgets what another process destroyed once it hears of it, and whatever it may have missed', async () => {
      const tenant = newTenant();
      const hub = memoryBulletins();
      const [a, b] = [hub.join(), hub.join()];
      const rings = [a, b].map((bulletin) => keyRing({ table, master, bulletin }));
      const held = async () => [...((await rings[1]?.find(tenant, ['one', 'two', 'kept'].map(subject))) ?? []).keys()];
      await rings[0]?.ensure(tenant, [
        owned('one'),
        owned('two'),
        { subject: subject('kept'), owner: subject('kept') },
      ]);
      expect(await held()).toEqual(['one', 'two', 'kept']);
      await rings[0]?.destroy(tenant, subject('one'));
      await expect.poll(held, { interval: 2 }).toEqual(['two', 'kept']);
      const comeBack = b.cutOff();
      await rings[0]?.destroy(tenant, subject('kari'));
      expect(await held()).toEqual(['two', 'kept']);
      comeBack();
      await expect.poll(held, { interval: 2 }).toEqual(['kept']);
    });

    it('answers for the subjects asked about and no others', async () => {
      const tenant = newTenant();
      const keys = ring();
      expect([...(await keys.ensure(tenant, [owned('a'), owned('b')])).keys()]).toEqual(['a', 'b']);
      expect([...(await keys.find(tenant, [subject('b'), subject('nobody')])).keys()]).toEqual(['b']);
      expect([...(await keys.ensure(tenant, [owned('a'), owned('c'), owned('kari')])).keys()]).toEqual([
        'a',
        'c',
        'kari',
      ]);
      expect((await keys.find(newTenant(), [subject('a')])).size).toBe(0);
    });

    it('refuses bytes that were changed, cut, moved to another context, or sealed for another subject', async () => {
      const tenant = newTenant();
      const keys = await ring().ensure(tenant, [owned('a'), owned('b')]);
      const [a, b] = [keys.get(subject('a'))!, keys.get(subject('b'))!];
      const sealed = a.seal(plain, 'context');
      for (let at = 0; at < sealed.length; at++) {
        const changed = Uint8Array.from(sealed);
        changed[at]! ^= 1;
        expect(() => a.open(changed, 'context')).toThrow(SealBroken);
      }
      for (const length of [0, 1, 28, sealed.length - 1])
        expect(() => a.open(sealed.subarray(0, length), 'context')).toThrow(SealBroken);
      expect(() => a.open(sealed, 'another')).toThrow(SealBroken);
      expect(() => b.open(sealed, 'context')).toThrow(SealBroken);
    });

    it('forgets a destroyed subject for good and leaves its neighbours', async () => {
      const tenant = newTenant();
      const [here, elsewhere] = [ring(), ring()];
      await here.ensure(tenant, [owned('a'), owned('b')]);
      await here.destroy(tenant, subject('a'));
      for (const keys of [here, elsewhere]) {
        expect([...(await keys.find(tenant, [subject('a'), subject('b')])).keys()]).toEqual(['b']);
        expect([...(await keys.ensure(tenant, [owned('a'), owned('b')])).keys()]).toEqual(['b']);
      }
    });

    it('forgets all that a destroyed owner owned, at any depth, and makes nothing new below it', async () => {
      const tenant = newTenant();
      const keys = ring();
      await keys.ensure(tenant, [owned('a'), { subject: subject('other'), owner: subject('ola') }]);
      await keys.ensure(tenant, [{ subject: subject('below'), owner: subject('a') }]);
      await keys.destroy(tenant, subject('kari'));
      const all = ['kari', 'a', 'below', 'other'].map(subject);
      expect([...(await keys.find(tenant, all)).keys()]).toEqual(['other']);
      expect([...(await ring().ensure(tenant, [owned('a'), owned('new'), owned('kari')])).keys()]).toEqual([]);
    });

    it('keeps the fact that a subject was erased, even if it never had a key', async () => {
      const tenant = newTenant();
      await ring().destroy(tenant, subject('never seen'));
      const own = { subject: subject('never seen'), owner: subject('never seen') };
      expect((await ring().ensure(tenant, [own])).size).toBe(0);
    });

    it('does not open anything with another master key', async () => {
      const tenant = newTenant();
      await ring().ensure(tenant, [owned('a')]);
      const stranger = keyRing({ table, master: masterKey(randomBytes(32)) });
      await expect(stranger.find(tenant, [subject('a')])).rejects.toThrow(SealBroken);
    });

    it('asks the table once for a new subject of a known owner, and never for known ones', async () => {
      const tenant = newTenant();
      let asked = 0;
      const counting: KeyTable = {
        ...table,
        insertAndFind: (...all) => {
          asked++;
          return table.insertAndFind(...all);
        },
      };
      const keys = keyRing({ table: counting, master });
      await keys.ensure(tenant, [owned('kari')]);
      asked = 0;
      await keys.ensure(tenant, [owned('a'), owned('b')]);
      expect(asked).toBe(1);
      await keys.ensure(tenant, [owned('b'), owned('a')]);
      await keys.find(tenant, [subject('a'), subject('kari')]);
      expect(asked).toBe(1);
    });
  });
}
