/**
 * Every version of every event ever stored has a golden file here, `<Type>.v<n>.json`, which is never changed: the
 * proof that a log of any age can be read.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type EventDefinitions, eventRegistry } from '../../domain/shared/upcast.ts';

const here = new URL('.', import.meta.url);
const domain = new URL('../../domain/', import.meta.url);

/** What `domain/<name>/events.ts` export with `defineEvents`, whatever they call it. */
async function definedEvents(): Promise<EventDefinitions[]> {
  const found: EventDefinitions[] = [];
  for (const file of readdirSync(domain, { recursive: true, encoding: 'utf8' })) {
    if (!/(^|\/)events\.ts$/.test(file)) continue;
    const module: Record<string, unknown> = await import(pathToFileURL(`${domain.pathname}${file}`).href);
    for (const exported of Object.values(module)) if (isDefinitions(exported)) found.push(exported);
  }
  return found;
}

function isDefinitions(value: unknown): value is EventDefinitions {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) return false;
  return Object.values(value).every(
    (one) => typeof one === 'object' && one !== null && 'version' in one && 'schema' in one && 'upcasters' in one,
  );
}

const registry = eventRegistry(...new Set(await definedEvents()));
const goldens = readdirSync(here).filter((file) => file.endsWith('.json'));
const versions = Object.entries(registry.definitions).flatMap(([type, { version }]) =>
  Array.from({ length: version }, (_, before) => ({ type, version: before + 1 })),
);

describe('events', () => {
  it('are defined somewhere', () => {
    expect(versions.length).toBeGreaterThan(0);
  });

  it('and their golden files are the same set', () => {
    expect(goldens.toSorted()).toEqual(versions.map(({ type, version }) => `${type}.v${version}.json`).toSorted());
  });

  it.each(versions)('$type of version $version is read and fits the present schema', ({ type, version }) => {
    const stored = JSON.parse(readFileSync(new URL(`${type}.v${version}.json`, here), 'utf8'));
    const present = registry.upcast(type, version, stored);
    const { schema } = registry.definition(type, version);
    // Nothing is lost either: what the schema gives back is what the upcasters made.
    expect(schema.parse(present)).toEqual(present);
  });
});
