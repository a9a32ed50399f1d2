/**
 * The names a person signs in by. All are compared in lower case after Unicode normalization (NFC), since phones type
 * the same letter in different ways.
 */
export function normalizeLogin(name: string): string {
  return name.trim().normalize('NFC').toLowerCase();
}

/** A name as typed into a phone, taken apart. `domain` is what stood before a backslash; it may be a short name. */
export interface LoginName {
  readonly user: string;
  readonly domain: string | undefined;
}

/**
 * Reads `email`, `alias`, `DOMAIN\user` or a bare local part. A domain before a full address says nothing more
 * (`\kari@demo.example` and `DEMO\kari@demo.example` are what some phones send) and is dropped.
 */
export function parseLogin(text: string): LoginName | undefined {
  const name = normalizeLogin(text);
  if (name.length === 0 || name.length > 320) return undefined;
  const slash = name.indexOf('\\');
  if (slash < 0) return { user: name, domain: undefined };
  const user = name.slice(slash + 1);
  const domain = name.slice(0, slash);
  if (user.length === 0) return undefined;
  return { user, domain: domain === '' || user.includes('@') ? undefined : domain };
}

/** Whether `DOMAIN` in `DOMAIN\user` means this tenant: its whole name, or its first label as Windows shortens it. */
export function domainMeans(domain: string, tenant: string): boolean {
  return domain === tenant || tenant.startsWith(`${domain}.`);
}
