/** Many replays in a few numbers: how they came out, by cause, and which devices would hear something else. */
import type { DeviceKey, ExchangeId } from '../../domain/shared/ids.ts';
import type { Replayed, ReplayOutcome } from './port.ts';

/** How often a cause of trouble was recorded, and what became of it. */
export interface CauseSummary {
  readonly cause: string;
  readonly recorded: number;
  readonly fine: number;
  readonly failing: number;
}

/** A device whose answers would be others. */
export interface DeviceSummary {
  readonly device: DeviceKey;
  /** Exchanges that were run. */
  readonly run: number;
  readonly different: number;
  readonly broken: number;
  readonly fine: number;
  /** The first that differs, and how. */
  readonly example: ExchangeId;
  readonly how: string;
}

export interface ReplaySummary {
  readonly run: number;
  readonly outcomes: Readonly<Record<ReplayOutcome, number>>;
  readonly causes: readonly CauseSummary[];
  readonly devices: readonly DeviceSummary[];
}

type Counts = { -readonly [Name in keyof CauseSummary]: CauseSummary[Name] };

interface Device {
  run: number;
  different: number;
  broken: number;
  fine: number;
  example?: ExchangeId;
  how?: string;
}

export class Summary {
  readonly #outcomes: Record<ReplayOutcome, number> = {
    ...{ same: 0, fine: 0, failing: 0, different: 0, broken: 0, skipped: 0 },
  };
  readonly #causes = new Map<string, Counts>();
  readonly #devices = new Map<DeviceKey, Device>();

  add(replayed: Replayed): void {
    const { outcome, exchange } = replayed;
    this.#outcomes[outcome]++;
    if (outcome === 'skipped') return;
    for (const cause of exchange.causes) {
      const counts = this.#causes.get(cause) ?? { cause, recorded: 0, fine: 0, failing: 0 };
      counts.recorded++;
      if (outcome === 'fine') counts.fine++;
      if (outcome === 'failing') counts.failing++;
      this.#causes.set(cause, counts);
    }
    const device = this.#devices.get(exchange.device) ?? { run: 0, different: 0, broken: 0, fine: 0 };
    this.#devices.set(exchange.device, device);
    device.run++;
    if (outcome !== 'different' && outcome !== 'broken' && outcome !== 'fine') return;
    device[outcome]++;
    device.example ??= exchange.id;
    device.how ??= howOf(replayed);
  }

  get result(): ReplaySummary {
    const { skipped, ...run } = this.#outcomes;
    const devices = [...this.#devices].flatMap(([device, { example, how, ...counts }]) =>
      example ? [{ device, ...counts, example, how: how ?? '' }] : [],
    );
    return {
      run: Object.values(run).reduce((sum, count) => sum + count, 0),
      outcomes: { ...run, skipped },
      causes: [...this.#causes.values()].sort((a, b) => b.recorded - a.recorded),
      devices: devices.sort((a, b) => b.different + b.broken - (a.different + a.broken)),
    };
  }
}

/** What differs, in one line. */
export function howOf({ decisions, events, answer }: Pick<Replayed, 'decisions' | 'events' | 'answer'>): string {
  const [decision] = decisions;
  if (decision) return `${decision.what}: ${decision.recorded} → ${decision.now}`;
  const [event] = events;
  if (event)
    return `${event.type} ${event.difference}${event.fields.length > 0 ? ` (${event.fields.join(', ')})` : ''}`;
  const changed = answer.filter(({ of }) => of !== 'both').length;
  return changed > 0 ? `${changed} lines of the answer` : 'as it was';
}
