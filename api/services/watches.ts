/** Which devices' exchanges are kept in full, and until when. */
import type { ExchangeRecorder } from '../../adapters/exchange-record/recorder.ts';
import type { WatchAll } from '../../adapters/exchange-record/store.port.ts';
import type { Device } from '../../domain/device/state.ts';
import type { Actor } from '../../domain/shared/event.ts';
import type { Instant } from '../../domain/shared/ids.ts';
import type { DevicesReader } from '../../projections/devices/read.ts';
import type { Devices } from './devices.ts';
import type { Directory, Person } from './directory.ts';

export interface WatchedDevice {
  readonly email: string | null;
  readonly deviceId: string;
  readonly device: string;
  readonly until: string;
}

export interface WatchesOptions {
  readonly recorder: ExchangeRecorder;
  readonly devices: Devices;
  readonly reader: Pick<DevicesReader, 'watched'>;
  readonly directory: Pick<Directory, 'person'>;
  readonly now: () => Instant;
}

export class Watches {
  readonly #options: WatchesOptions;

  constructor(options: WatchesOptions) {
    this.#options = options;
  }

  /** Those that last, and whether everything is watched. */
  async list(): Promise<{ devices: WatchedDevice[]; all: WatchAll | null }> {
    const { reader, directory, recorder, now } = this.#options;
    const devices: WatchedDevice[] = [];
    for (const { tenant, account, device, deviceId, until } of await reader.watched(now())) {
      const email = (await directory.person(tenant, account))?.account.email ?? null;
      devices.push({ email, deviceId, device, until });
    }
    return { devices, all: recorder.watchOfAll ?? null };
  }

  /** Undefined when the person has no such device. `forMs` undefined ends it. */
  async watch(person: Person, deviceId: string, forMs: number | undefined, actor: Actor): Promise<Device | undefined> {
    const command =
      forMs === undefined ? ({ type: 'endWatch' } as const) : ({ type: 'watch', until: this.#in(forMs) } as const);
    return await this.#options.devices.administer(person, deviceId, command, actor);
  }

  async watchAll(forMs: number | undefined, by: string | null): Promise<WatchAll | null> {
    const watch = forMs === undefined ? undefined : { until: this.#in(forMs), by };
    await this.#options.recorder.watchAll(watch);
    return watch ?? null;
  }

  #in(forMs: number): Instant {
    return new Date(Date.parse(this.#options.now()) + forMs).toISOString() as Instant;
  }
}
