/**
 * Which of several nodes a tenant falls to: the one with the highest hash of both names. Every node comes to the same
 * answer, and one that comes or goes moves only what falls to it (rendezvous hashing, Thaler and Ravishankar 1996).
 */
import { createHash } from 'node:crypto';

/** Undefined without nodes. */
export function preferred(tenant: string, nodes: readonly string[]): string | undefined {
  let best: { readonly node: string; readonly weight: bigint } | undefined;
  for (const node of nodes) {
    const weight = createHash('sha256').update(`${node}\n${tenant}`).digest().readBigUInt64BE();
    if (!best || weight > best.weight || (weight === best.weight && node > best.node)) best = { node, weight };
  }
  return best?.node;
}
