import type { FastifyPluginAsync } from 'fastify';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { NodeList } from '../adapters/cluster/nodes.port.ts';
import { equalSecrets } from '../adapters/secrets/equal.ts';
import { bearerOf } from './admin/bearer.ts';
import type { AppDeps } from './deps.ts';
import { fail } from './errors.ts';

/** `/metrics` as Prometheus text, for loopback or with the admin token. */
export const metricsPlugin: FastifyPluginAsync<{ deps: Pick<AppDeps, 'metrics' | 'adminToken'> }> = async (
  app,
  { deps },
) => {
  app.get('/metrics', async (request, reply) => {
    const token = bearerOf(request.headers.authorization);
    const isAllowed = isLoopback(request.ip) || (token !== undefined && equalSecrets(token, deps.adminToken));
    if (!isAllowed) {
      reply.header('www-authenticate', 'Bearer');
      return fail(reply, 401, 'unauthorized', 'Metrics are for loopback, or need the bearer token ADMIN_TOKEN.');
    }
    return reply.type(deps.metrics.contentType).send(await deps.metrics.metrics());
  });
};

/** Exchanges that were recorded, and those that could not be. */
export function countExchanges(
  metrics: AppDeps['metrics'],
  recorder: { readonly counts: { readonly written: number; readonly lost: number } },
): void {
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      ...{ name, help, registers: [metrics] },
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  counter('mobilesync_exchanges_recorded_total', 'Exchanges written to the record', () => recorder.counts.written);
  counter('mobilesync_exchanges_lost_total', 'Exchanges that could not be recorded', () => recorder.counts.lost);
}

/** Living nodes, and the tenants that this one works for. */
export function countNodes(metrics: AppDeps['metrics'], nodes: Pick<NodeList, 'counts'>): void {
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      ...{ name, help, registers: [metrics] },
      collect() {
        this.set(read());
      },
    });
  gauge('mobilesync_nodes', 'Nodes that this one knows to live, itself included', () => nodes.counts().nodes);
  gauge('mobilesync_tenants_owned', 'Tenants that this node works for', () => nodes.counts().tenants);
}

function isLoopback(ip: string): boolean {
  return ip === '::1' || ip.startsWith('127.') || ip.startsWith('::ffff:127.');
}

/** Durations of requests in seconds, by route; for the routes whose plugin asks for it. */
export function requestDurations(metrics: AppDeps['metrics']): Histogram<'route' | 'method' | 'status'> {
  const name = 'mobilesync_http_request_duration_seconds';
  const present = metrics.getSingleMetric(name);
  if (present) return present as Histogram<'route' | 'method' | 'status'>;
  return new Histogram({
    name,
    help: 'Duration of HTTP requests by route',
    labelNames: ['route', 'method', 'status'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers: [metrics],
  });
}
