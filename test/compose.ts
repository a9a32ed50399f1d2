/**
 * docker-compose.yml as the specs read it: the parts of the Compose Specification that it uses, and no others, so a key
 * that is misspelt or in the wrong place fails.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

export const root = path.join(import.meta.dirname, '..');

const seconds = z
  .string()
  .regex(/^\d+s$/)
  .transform((text) => Number.parseInt(text, 10));
const bytes = z
  .string()
  .regex(/^\d+[mg]$/)
  .transform((text) => Number.parseInt(text, 10) * (text.endsWith('g') ? 1_024 : 1) * 1_048_576);
const words = z.array(z.string().min(1)).min(1);
const environment = z.record(z.string().regex(/^[A-Z][A-Z0-9_]*$/), z.string());

const healthcheck = z.union([
  z.strictObject({ disable: z.literal(true) }),
  z.strictObject({
    test: z.tuple([z.literal('CMD'), z.string()], z.string()),
    interval: seconds,
    timeout: seconds,
    retries: z.int().min(1),
    start_period: seconds.optional(),
  }),
]);

const condition = z.enum(['service_started', 'service_healthy', 'service_completed_successfully']);

const service = z.strictObject({
  image: z.string(),
  build: z.strictObject({ context: z.literal('./'), target: z.string() }).optional(),
  profiles: z.array(z.literal('try')).optional(),
  user: z
    .string()
    .regex(/^\d+:\d+$/)
    .optional(),
  entrypoint: words.optional(),
  command: words.optional(),
  init: z.literal(true),
  read_only: z.literal(true),
  cap_drop: z.tuple([z.literal('ALL')]),
  cap_add: words.optional(),
  security_opt: z.tuple([z.literal('no-new-privileges:true')]),
  restart: z.enum(['unless-stopped', 'no']),
  stop_signal: z.enum(['SIGINT', 'SIGTERM', 'SIGUSR1']).optional(),
  stop_grace_period: seconds.optional(),
  mem_limit: bytes.optional(),
  shm_size: bytes.optional(),
  pids_limit: z.int().min(1).optional(),
  ulimits: z.strictObject({ nofile: z.int() }).optional(),
  tmpfs: z.array(z.string().startsWith('/')).optional(),
  logging: z.strictObject({
    driver: z.literal('local'),
    options: z.strictObject({ 'max-size': z.string(), 'max-file': z.string() }),
  }),
  ports: words.optional(),
  networks: words.optional(),
  network_mode: z.literal('none').optional(),
  environment: environment.default({}),
  secrets: words.default([]),
  configs: z.array(z.strictObject({ source: z.string(), target: z.string().startsWith('/') })).default([]),
  volumes: z.array(z.string().regex(/^[\w./-]+:\/[\w./-]+(:ro)?$/)).default([]),
  depends_on: z.record(z.string(), z.strictObject({ condition, required: z.literal(false).optional() })).default({}),
  healthcheck: healthcheck.optional(),
});

const file = z.strictObject({ file: z.string().startsWith('./') });
const network = z
  .strictObject({
    internal: z.literal(true).optional(),
    ipam: z.strictObject({ config: z.array(z.strictObject({ subnet: z.string() })) }).optional(),
  })
  .nullable();

const composition = z
  .looseObject({
    name: z.string(),
    services: z.record(z.string().regex(/^[a-z][a-z0-9-]*$/), service),
    networks: z.record(z.string(), network),
    volumes: z.record(z.string(), z.null()),
    secrets: z.record(z.string(), file),
    configs: z.record(z.string(), file),
  })
  .superRefine((all, context) => {
    const known = ['name', 'services', 'networks', 'volumes', 'secrets', 'configs'];
    for (const key of Object.keys(all)) {
      if (!known.includes(key) && !key.startsWith('x-')) {
        context.addIssue({ code: 'unrecognized_keys', keys: [key], path: [] });
      }
    }
  });

export type Service = z.infer<typeof service>;
export type Composition = z.infer<typeof composition>;

/** With the variables that `--env-file` or the shell gives. @throws Error for what is no part of it. */
export function readComposition(variables: Readonly<Record<string, string>> = {}): Composition {
  const text = readFileSync(path.join(root, 'docker-compose.yml'), 'utf8');
  return composition.parse(interpolated(parse(text, { merge: true }), variables));
}

/** `${NAME:-initial}`, as Compose fills it in; a dollar sign that begins nothing of the kind is an error there too. */
function interpolated(value: unknown, variables: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') {
    const filled = value.replace(
      /\$\{(\w+):-([^}]*)\}/g,
      (_, name: string, initial: string) => variables[name] || initial,
    );
    if (filled.includes('$')) throw new Error(`what does ${value} mean?`);
    return filled;
  }
  if (Array.isArray(value)) return value.map((one) => interpolated(one, variables));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, interpolated(one, variables)]));
}

/** The variables of an `--env-file`. */
export function readEnvFile(name: string): Record<string, string> {
  const lines = readFileSync(path.join(root, name), 'utf8').split('\n');
  return Object.fromEntries(
    lines
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const [, key, value] = /^([A-Z][A-Z0-9_]*)=(\S*)$/.exec(line) ?? [];
        if (key === undefined || value === undefined)
          throw new Error(`${name} holds a line that sets nothing: ${line}`);
        return [key, value];
      }),
  );
}

/** Files below deploy/ that belong to the project: neither secrets nor certificates of the operator's. */
export function deployedFiles(): string[] {
  const entries = readdirSync(path.join(root, 'deploy'), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .filter((name) => !/^deploy\/(secrets|certificates\/own)\//.test(name));
}
