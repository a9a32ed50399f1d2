/**
 * Who may import whom. What is asked of run time is asked of the code without its types; a type-only import costs
 * nothing and binds nobody to an effect.
 */
import { globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import path from 'node:path';
import { init, parse } from 'es-module-lexer';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
await init;

interface Import {
  readonly from: string;
  /** A file of ours relative to the root, or a package. */
  readonly to: string;
  readonly isTypeOnly: boolean;
}

const typeExports = /^export type [^;]*? from '([^']+)';$/gm;

/** Everything the source names, with and without types; `import()` of something computed counts as `?`. */
function importsOf(file: string, source: string): Import[] {
  const resolve = (name: string) =>
    name.startsWith('.') ? path.posix.join(path.posix.dirname(file), name) : packageOf(name);
  // The lexer takes `import.meta` for an import too.
  const named = (code: string) =>
    parse(code)[0].flatMap(({ n, d }) => (d === -2 ? [] : [n === undefined ? '?' : resolve(n)]));
  const atRunTime = new Set(named(stripTypeScriptTypes(source)));
  const withTypes = new Set([
    ...named(source),
    ...[...source.matchAll(typeExports)].map(([, name]) => resolve(name as string)),
  ]);
  return [...new Set([...atRunTime, ...withTypes])].map((to) => ({ from: file, to, isTypeOnly: !atRunTime.has(to) }));
}

function packageOf(name: string): string {
  return name.startsWith('node:')
    ? name
    : name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/');
}

/** Files that only tests use, although they lie beside the code. */
const isOfTests = (file: string) =>
  /(^test\/|\.spec\.ts$|\/(contract|arbitrary|rig)\.ts$|\.arbitrary\.ts$|\/test-server\/|\/oracle-[a-z]+\.ts$)/.test(
    file,
  );

const files = globSync('{domain,projections,adapters,api,scripts}/**/*.ts', { cwd: root })
  .map((file) => file.replaceAll(path.sep, '/'))
  .filter((file) => !isOfTests(file));
const imports = files.flatMap((file) => importsOf(file, readFileSync(path.join(root, file), 'utf8')));
const under = (folder: string) => imports.filter(({ from }) => from.startsWith(`${folder}/`));
const say = (found: readonly Import[]) => found.map(({ from, to }) => `${from} imports ${to}`);
const isPort = (file: string) => /(^|[./])port\.ts$/.test(path.posix.basename(file));

/** Files and folders that may know an adapter with effects: they put a program together. */
const compositionRoots: Readonly<Record<string, string>> = {
  'api/main.ts': 'the composition root',
  'api/foundation.ts': 'its part for the master key, the database, the log and the read models',
  'api/event-log.ts': 'its part that opens the log the configuration names',
  'api/engine.ts': 'its part that puts the sync engine together',
  'api/office.ts': 'its part that connects the office',
  'api/simulator.ts': 'the office simulator as a program of its own, and the one of the demo',
  'api/support.ts': 'its part for auditors and support',
  'api/sandbox.ts': 'the same program over a past, with memory in the place of whatever has effects',
  'api/catalogue.ts': 'the list of events, tables and read models that server and commands share',
  'api/cli/': 'programs of their own, for operators and auditors',
  'scripts/': 'tools for developers',
};

/** Adapters with effects that have, or could have, another one in their place. */
const concrete = [
  'adapters/blobs/memory.ts',
  'adapters/blobs/postgres.ts',
  'adapters/clock.ts',
  'adapters/cluster/memory.ts',
  'adapters/cluster/postgres/',
  'adapters/crypto/memory.ts',
  'adapters/crypto/postgres/',
  'adapters/event-log/eventstoredb',
  'adapters/event-log/memory.ts',
  'adapters/event-log/postgres/',
  'adapters/exchange-record/postgres/',
  'adapters/log/',
  'adapters/office-24sevenoffice/',
  'adapters/office/memory.ts',
  'adapters/passwords/argon2.ts',
  'adapters/postgres/',
  'adapters/secrets/kept-secret.ts',
];

/** Run-time imports that break a rule of this file for a reason. */
const exceptions: Readonly<Record<string, string>> = {
  'api/config-variables.ts imports adapters/log/logger.ts': 'the names of the log levels, to check a setting against',
};
const isException = (it: Import) => `${it.from} imports ${it.to}` in exceptions;

describe('the import rule', () => {
  it('sees every import: of values, of types, re-exports and dynamic ones', () => {
    const source = [
      "import { a } from './a.ts';",
      "import type { B } from '../b.ts';",
      "export type { C } from './c.ts';",
      "export * from './d.ts';",
      "const e = await import('./e.ts');",
      'const f = await import(computed);',
      "import { type G } from '@scope/g/deep';",
      'const dir = import.meta.dirname;',
      "const text = \"import x from 'no'\"; // import y from 'no';",
    ].join('\n');
    expect(importsOf('domain/x/y.ts', source)).toEqual(
      [
        ['domain/x/a.ts', false],
        ['domain/x/d.ts', false],
        ['domain/x/e.ts', false],
        ['?', false],
        ['@scope/g', false],
        ['domain/b.ts', true],
        ['domain/x/c.ts', true],
      ].map(([to, isTypeOnly]) => ({ from: 'domain/x/y.ts', to, isTypeOnly })),
    );
    expect(imports.length).toBeGreaterThan(500);
  });

  it('the domain imports itself and zod, not even a type of anything else', () => {
    expect(say(under('domain').filter(({ to }) => !to.startsWith('domain/') && to !== 'zod'))).toEqual([]);
  });

  it('the domain has no clock, no randomness and nothing to wait with', () => {
    const impure =
      /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\.|\bprocess\.|\bset(Timeout|Interval|Immediate)\(|\bfetch\(|\bcrypto\./;
    const found = files
      .filter((file) => file.startsWith('domain/'))
      .filter((file) => impure.test(readFileSync(path.join(root, file), 'utf8')));
    expect(found).toEqual([]);
  });

  it('read models know the domain, each other and the database; of adapters only what a port promises', () => {
    // A cache in memory is no effect: it is lost at any time without a difference.
    const allowed = ['kysely', 'rxjs', 'lru-cache'];
    const wrong = under('projections').filter(
      ({ to, isTypeOnly }) =>
        !to.startsWith('domain/') &&
        !to.startsWith('projections/') &&
        !allowed.includes(to) &&
        !(to.startsWith('adapters/') && isTypeOnly && isPort(to)),
    );
    expect(say(wrong)).toEqual([]);
  });

  it('adapters do not know the program that uses them', () => {
    expect(say(under('adapters').filter(({ to }) => to.startsWith('api/')))).toEqual([]);
  });

  it('only where the program is put together an adapter with effects is named', () => {
    // What is built on PostgreSQL is one adapter, wherever it lies: pool, queues and the list of tables are shared.
    const home = (file: string) =>
      /\/postgres(\/|\.ts$)/.test(file) ? 'adapters/postgres' : file.split('/').slice(0, 2).join('/');
    const isAtHome = ({ from, to }: Import) =>
      home(from) === home(to) || from.split('/', 2).join('/') === to.split('/', 2).join('/');
    const wrong = imports.filter(
      (it) =>
        !it.isTypeOnly &&
        concrete.some((prefix) => it.to.startsWith(prefix)) &&
        !isPort(it.to) &&
        !isAtHome(it) &&
        !Object.keys(compositionRoots).some((prefix) => it.from.startsWith(prefix)) &&
        !isException(it),
    );
    expect(say(wrong)).toEqual([]);
  });

  it('names what there is: no root, adapter or exception on its lists has gone', () => {
    const all = globSync('{api,adapters}/**/*.ts', { cwd: root }).map((file) => file.replaceAll(path.sep, '/'));
    const isThere = (prefix: string) => files.some((file) => file.startsWith(prefix));
    expect(Object.keys(compositionRoots).filter((prefix) => !isThere(prefix))).toEqual([]);
    const planned = ['adapters/event-log/eventstoredb'];
    expect(
      concrete.filter((prefix) => !planned.includes(prefix) && !all.some((file) => file.startsWith(prefix))),
    ).toEqual([]);
    expect(
      Object.keys(exceptions).filter(
        (name) => !imports.some((it) => !it.isTypeOnly && `${it.from} imports ${it.to}` === name),
      ),
    ).toEqual([]);
  });

  it('the product imports no test, and no package that only development has', () => {
    const { dependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
      dependencies: object;
    };
    const wrong = imports.filter(({ from, to, isTypeOnly }) => {
      if (from.startsWith('scripts/') || isTypeOnly) return false;
      if (/^(domain|projections|adapters|api|test|scripts)\//.test(to)) return isOfTests(to);
      return !to.startsWith('node:') && to !== '?' && !(to in dependencies) && !to.endsWith('.json');
    });
    expect(say(wrong.filter((it) => !isException(it)))).toEqual([]);
  });

  it('every import of ours names a file that there is', () => {
    const wrong = imports.filter(
      ({ to }) => /^(domain|projections|adapters|api|test|scripts)\//.test(to) && !globSync(to, { cwd: root }).length,
    );
    expect(say(wrong)).toEqual([]);
  });
});
