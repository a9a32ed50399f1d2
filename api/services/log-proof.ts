/** The proof that nothing in the log was changed, and the anchors it rests on. */

import type { KeyRing } from '../../adapters/crypto.port.ts';
import type { AnchorSeal } from '../../adapters/event-log/anchors/anchor.ts';
import type { Anchors } from '../../adapters/event-log/anchors/anchors.ts';
import type { AnchorPlace } from '../../adapters/event-log/anchors/port.ts';
import { anchorProof } from '../../adapters/event-log/anchors/proof.ts';
import { type Finding, findingText } from '../../adapters/event-log/finding.ts';
import type { EventLog } from '../../adapters/event-log/port.ts';
import { type VerifyOptions, type VerifyReport, verifyTenant } from '../../adapters/event-log/verify.ts';
import type { Position, TenantId } from '../../domain/shared/ids.ts';

export type ProofLine =
  | { readonly kind: 'progress'; readonly tenant: TenantId; readonly events: number; readonly position: Position }
  | { readonly kind: 'finding'; readonly finding: Finding; readonly text: string }
  | ({ readonly kind: 'tenant'; readonly tenant: TenantId } & VerifyReport)
  | { readonly kind: 'done'; readonly tenants: number; readonly findings: number };

export interface LogProofOptions {
  readonly log: EventLog;
  readonly places: readonly AnchorPlace[];
  readonly census?: VerifyOptions['census'];
  /** Both where the master key is at hand. */
  readonly seal?: AnchorSeal;
  readonly keys?: KeyRing;
  /** Who makes anchors in this process. */
  readonly anchors?: Anchors;
}

const progressEvents = 50_000;

export class LogProof {
  readonly #options: LogProofOptions;
  #isRunning = false;

  constructor(options: LogProofOptions) {
    this.#options = options;
  }

  /** One proof at a time: each reads the whole log. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Every tenant that has events or anchors; one whose events are all gone is known by its anchors. */
  async tenants(): Promise<TenantId[]> {
    const { log, places } = this.#options;
    const known = await Promise.all(places.map((place) => place.tenants()));
    return [...new Set([...(await log.tenants()).map(({ tenant }) => tenant), ...known.flat()])].sort();
  }

  /** Tells what it finds as it goes; the last line is `done`. Reads only. */
  async *verify(tenants: readonly TenantId[]): AsyncGenerator<ProofLine> {
    this.#isRunning = true;
    try {
      let findings = 0;
      for (const tenant of tenants) {
        const lines: ProofLine[] = [];
        let wake = (): void => {};
        let told = 0;
        let isStopped = false;
        const say = (line: ProofLine): void => {
          lines.push(line);
          wake();
        };
        const work = this.#one(tenant, {
          onFinding: (finding) => say({ kind: 'finding', finding, text: findingText(finding) }),
          onProgress: (events, position) => {
            if (isStopped) throw new Error('nobody listens any more');
            if (events - told < progressEvents) return;
            told = events;
            say({ kind: 'progress', tenant, events, position });
          },
        });
        let isDone = false;
        const ended = work.then(
          () => undefined,
          () => undefined,
        );
        void ended.then(() => {
          isDone = true;
          wake();
        });
        try {
          while (!isDone || lines.length > 0) {
            yield* lines.splice(0);
            if (isDone || lines.length > 0) continue;
            await new Promise<void>((resolve) => {
              wake = resolve;
              if (isDone) resolve();
            });
          }
        } finally {
          isStopped = true;
          await ended;
        }
        const report = await work;
        findings += report.findings;
        yield { kind: 'tenant', tenant, ...report };
      }
      yield { kind: 'done', tenants: tenants.length, findings };
    } finally {
      this.#isRunning = false;
    }
  }

  /** Anchors what is new now; undefined for a tenant that has nothing new. */
  async anchor(tenant: TenantId): Promise<{ readonly position: Position; readonly count: number } | undefined> {
    return this.#options.anchors?.anchor(tenant);
  }

  /** Says that the database was brought back to an earlier point on purpose. */
  async restored(tenant: TenantId): Promise<void> {
    await this.#options.anchors?.restored(tenant);
  }

  #one(tenant: TenantId, told: Pick<VerifyOptions, 'onFinding' | 'onProgress'>): Promise<VerifyReport> {
    const { log, places, census, seal, keys } = this.#options;
    return verifyTenant(tenant, {
      ...{ log, census, ...told },
      anchors: (one) => anchorProof(one, { log, places, seal, keys }),
    });
  }
}
