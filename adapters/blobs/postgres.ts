import type { TenantId } from '../../domain/shared/ids.ts';
import type { Pool } from '../postgres/pool.ts';
import { nameOf, verified } from './hash.ts';
import type { BlobHash, BlobStore } from './port.ts';

/** Blobs in the table `blobs` (see `migration.ts`): one backup holds the events and what they name. */
export class PostgresBlobStore implements BlobStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async put(tenant: TenantId, sealed: Uint8Array): Promise<BlobHash> {
    const name = nameOf(sealed);
    await this.#pool.query(
      `insert into blobs (tenant, hash, bytes) values ($1, $2, $3)
       on conflict (tenant, hash) do update set created_at = clock_timestamp()`,
      [tenant, name, Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)],
    );
    return name;
  }

  async get(tenant: TenantId, hash: BlobHash): Promise<Uint8Array | undefined> {
    const { rows } = await this.#pool.query<{ bytes: Buffer }>(
      'select bytes from blobs where tenant = $1 and hash = $2',
      [tenant, hash],
    );
    return rows[0] && verified(hash, rows[0].bytes);
  }

  async has(tenant: TenantId, hash: BlobHash): Promise<boolean> {
    const { rowCount } = await this.#pool.query('select 1 from blobs where tenant = $1 and hash = $2', [tenant, hash]);
    return rowCount === 1;
  }

  async list(
    tenant: TenantId,
    { storedBefore, after = '', limit }: { storedBefore: string; after?: BlobHash; limit: number },
  ): Promise<BlobHash[]> {
    const { rows } = await this.#pool.query<{ hash: BlobHash }>(
      `select hash from blobs where tenant = $1 and hash > $2 and created_at < $3 order by hash limit $4`,
      [tenant, after, storedBefore, limit],
    );
    return rows.map(({ hash }) => hash);
  }

  async remove(tenant: TenantId, hashes: readonly BlobHash[], storedBefore: string): Promise<number> {
    const { rowCount } = await this.#pool.query(
      'delete from blobs where tenant = $1 and hash = any($2) and created_at < $3',
      [tenant, hashes, storedBefore],
    );
    return rowCount ?? 0;
  }
}
