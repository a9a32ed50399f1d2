import { expect, it } from 'vitest';
import { keyRing } from '../adapters/crypto/key-ring.ts';
import { masterKey } from '../adapters/crypto/master-key.ts';
import { memoryKeyTable } from '../adapters/crypto/memory.ts';
import { migrations } from '../adapters/postgres/migrations/index.ts';
import { allMigrations, allProjections } from './catalogue.ts';

it('no read model brings a step that the schema does not list, and each has a name of its own', () => {
  expect(allMigrations().map(({ name }) => name)).toEqual(migrations.map(({ name }) => name));
  const keys = keyRing({ table: memoryKeyTable(), master: masterKey(new Uint8Array(32)) });
  const names = allProjections(keys).map(({ name }) => name);
  expect(names.length).toBeGreaterThan(5);
  expect(new Set(names).size).toBe(names.length);
});
