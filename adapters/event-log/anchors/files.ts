/** Anchors in files outside of the database: one file a tenant, one line of JSON each, only ever appended to. */
import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { TenantId } from '../../../domain/shared/ids.ts';
import type { Anchor } from './anchor.ts';
import type { AnchorPlace } from './port.ts';
import { anchorFrom } from './table.ts';

const ending = '.ndjson';
/** Most file systems take 255 bytes. */
const nameMax = 200;

/** The directory is made with the first anchor. */
export function anchorFiles(directory: string): AnchorPlace {
  const fileOf = (tenant: TenantId): string => path.join(directory, `${nameOf(tenant)}${ending}`);
  const read = async (tenant: TenantId) =>
    anchorsIn(await textOf(fileOf(tenant))).filter((anchor) => anchor.tenant === tenant);
  return {
    name: 'directory',
    read,
    async readAfter(tenant, mac) {
      const anchors = await read(tenant);
      const known = anchors.findLastIndex((anchor) => anchor.mac === mac);
      return known < 0 ? undefined : anchors.slice(known + 1);
    },
    async append(anchors) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      for (const [tenant, ofTenant] of Map.groupBy(anchors, (anchor) => anchor.tenant)) {
        const handle = await open(fileOf(tenant), 'a+', 0o600);
        try {
          const start = (await endsInALine(handle)) ? '' : '\n';
          await handle.write(start + ofTenant.map((anchor) => `${JSON.stringify(anchor)}\n`).join(''));
          await handle.sync();
        } finally {
          await handle.close();
        }
      }
    },
    async tenants() {
      const names = await readdir(directory).catch(orNothing<string[]>([]));
      const found = new Set<TenantId>();
      for (const name of names.filter((one) => one.endsWith(ending)).sort()) {
        const [first] = anchorsIn(await textOf(path.join(directory, name)));
        if (first) found.add(first.tenant);
      }
      return [...found];
    },
  };
}

function nameOf(tenant: TenantId): string {
  const encoded = encodeURIComponent(tenant);
  const isPlain = encoded.length <= nameMax && !encoded.startsWith('.');
  return isPlain ? encoded : createHash('sha256').update(tenant).digest('hex');
}

/** What a crash cut short stays a line of its own. */
async function endsInALine(handle: FileHandle): Promise<boolean> {
  const { size } = await handle.stat();
  if (size === 0) return true;
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer.toString() === '\n';
}

function anchorsIn(text: string): Anchor[] {
  return text.split('\n').flatMap((line) => (line === '' ? [] : (anchorFrom(line) ?? [])));
}

function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(orNothing(''));
}

const orNothing =
  <T>(nothing: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code === 'ENOENT') return nothing;
    throw error;
  };
