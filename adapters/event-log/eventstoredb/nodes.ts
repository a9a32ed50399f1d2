/** Which node of a cluster leads it, as its members say. */
import { Resolver } from 'node:dns/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { z } from 'zod';
import type { StoreAddress, StoreHost } from './address.ts';

const gossip = z.object({
  members: z.array(
    z.object({
      state: z.string(),
      isAlive: z.boolean(),
      httpEndPointIp: z.string(),
      httpEndPointPort: z.number(),
    }),
  ),
});

/** No member that answers knows a leader: an election goes on, or most nodes are out of reach. */
export class NoLeader extends Error {
  override readonly name = 'NoLeader';
}

/**
 * Asked here and not by the client: its own discovery leaves a rejected promise that ends the process when a call was
 * under way while no node could be reached.
 * @throws NoLeader
 */
export async function findLeader(address: StoreAddress, ca: Buffer | undefined, timeoutMs: number): Promise<StoreHost> {
  const seeds = (await Promise.all(address.hosts.map(namedHosts))).flat();
  const asked = seeds.map(async (seed) => {
    const members = await membersBy(seed, address.tls !== undefined, ca, timeoutMs);
    const leader = members.find((member) => member.isAlive && member.state === 'Leader');
    if (!leader) throw new NoLeader('no leader is known');
    return { host: leader.httpEndPointIp, port: leader.httpEndPointPort };
  });
  try {
    return await Promise.any(asked);
  } catch (error) {
    const reasons: unknown[] = error instanceof AggregateError ? error.errors : [error];
    const unled = reasons.find((reason) => reason instanceof NoLeader);
    throw unled ?? new NoLeader(`no node of the cluster answers: ${(reasons[0] as Error | undefined)?.message}`);
  }
}

/** A name may stand for all nodes of a cluster, each with an address of its own. */
async function namedHosts({ host, port }: StoreHost): Promise<StoreHost[]> {
  if (/^[\d.]+$|^\[|^localhost$/.test(host)) return [{ host, port }];
  const resolver = new Resolver({ timeout: 2_000, tries: 1 });
  const found = await resolver.resolve4(host).catch(() => []);
  return found.length > 1 ? found.map((one) => ({ host: one, port })) : [{ host, port }];
}

function membersBy(seed: StoreHost, isTls: boolean, ca: Buffer | undefined, timeoutMs: number) {
  return new Promise<z.infer<typeof gossip>['members']>((resolve, reject) => {
    const options = { host: seed.host, port: seed.port, path: '/gossip', headers: { accept: 'application/json' } };
    const limits = { signal: AbortSignal.timeout(timeoutMs), agent: false };
    const request = isTls ? httpsRequest({ ...options, ...limits, ca }) : httpRequest({ ...options, ...limits });
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        try {
          resolve(gossip.parse(JSON.parse(Buffer.concat(chunks).toString())).members);
        } catch (error) {
          reject(error);
        }
      });
    });
    request.end();
  });
}
