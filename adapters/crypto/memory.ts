import type { SubjectId, TenantId } from '../../domain/shared/ids.ts';
import type { KeyTable, WrappedKey } from './key-ring.ts';

interface Row {
  readonly owner: SubjectId;
  readonly wrapped: Uint8Array | undefined;
}

/** Wrapped keys in memory; `rows` outlives the ring, to reopen it. */
export function memoryKeyTable(tenants: Map<TenantId, Map<SubjectId, Row>> = new Map()): KeyTable {
  const rowsOf = (tenant: TenantId): Map<SubjectId, Row> => {
    const rows = tenants.get(tenant) ?? new Map<SubjectId, Row>();
    tenants.set(tenant, rows);
    return rows;
  };
  return {
    async insertAndFind(tenant, fresh, subjects) {
      const rows = rowsOf(tenant);
      for (const { subject, owner, wrapped } of fresh)
        if (!rows.has(subject) && (owner === subject || rows.get(owner)?.wrapped))
          rows.set(subject, { owner, wrapped });
      const found = new Map<SubjectId, WrappedKey>();
      const add = (subject: SubjectId): void => {
        const row = rows.get(subject);
        if (!row?.wrapped || found.has(subject)) return;
        found.set(subject, { subject, owner: row.owner, wrapped: row.wrapped });
        add(row.owner);
      };
      for (const subject of subjects) add(subject);
      return [...found.values()];
    },
    async destroy(tenant, subject) {
      const rows = rowsOf(tenant);
      const gone = new Set<SubjectId>([subject]);
      for (const next of gone) for (const [owned, { owner }] of rows) if (owner === next) gone.add(owned);
      for (const one of gone) rows.set(one, { owner: rows.get(one)?.owner ?? one, wrapped: undefined });
      return [...gone];
    },
  };
}
