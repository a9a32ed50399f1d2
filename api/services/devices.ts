/** What administrators do with devices, and the commands a device's own requests run. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../adapters/clock.ts';
import type { EventStore } from '../../adapters/event-log/event-store.port.ts';
import { type CommandResult, runCommand } from '../../adapters/event-log/run-command.ts';
import { commandIdFrom, deviceKeyFrom } from '../../adapters/ids.ts';
import { deviceStream } from '../../domain/account/stream.ts';
import { type DeviceCommand, type DeviceRefusal, deviceDecider } from '../../domain/device/decide.ts';
import type { DeviceEvent } from '../../domain/device/events.ts';
import type { Device, DeviceState } from '../../domain/device/state.ts';
import type { Actor, Cause } from '../../domain/shared/event.ts';
import type { AccountId, CommandId, DeviceKey, TenantId } from '../../domain/shared/ids.ts';
import { accountSubject } from '../../domain/shared/streams.ts';
import type { DevicesReader } from '../../projections/devices/read.ts';
import type { Directory, Person } from './directory.ts';

export interface PairedDevice {
  readonly key: DeviceKey;
  readonly pairedAt: Date;
  readonly device: Device;
}

export interface DevicesOptions {
  readonly store: EventStore;
  readonly directory: Directory;
  readonly reader: Pick<DevicesReader, 'of'>;
  readonly clock: Clock;
  readonly settled: (tenant: TenantId) => Promise<void>;
}

export class Devices {
  readonly #options: DevicesOptions;

  constructor(options: DevicesOptions) {
    this.#options = options;
  }

  /** Runs a command on a device's stream. `commandId` when a repeat must be known; a new one otherwise. */
  async run(
    tenant: TenantId,
    account: AccountId,
    key: DeviceKey,
    command: DeviceCommand,
    actor: Actor,
    commandId: CommandId = commandIdFrom(['device', randomUUID()]),
    cause?: Cause,
  ): Promise<CommandResult<DeviceState, DeviceEvent, DeviceRefusal>> {
    const stream = deviceStream(key);
    const subject = accountSubject(account);
    const target = { tenant, stream, subject, owner: subject };
    const meta = { at: this.#options.clock.instant(), actor, commandId, ...(cause ? { cause } : {}) };
    try {
      return await runCommand(this.#options.store, deviceDecider, target, command, meta);
    } finally {
      this.#options.directory.forget(tenant, stream);
    }
  }

  /** An administrator's command on a person's device; undefined when the person has no such device. */
  async administer(
    { tenant, account }: Person,
    deviceId: string,
    command: DeviceCommand,
    actor: Actor = { kind: 'admin' },
  ): Promise<Device | undefined> {
    const key = deviceKeyFrom(account.id, deviceId);
    const present = await this.#options.directory.device(tenant, key);
    if (present.kind !== 'device') return undefined;
    const cause = { command: `device ${command.type}` };
    await this.run(tenant, account.id, key, command, actor, undefined, cause);
    await this.#options.settled(tenant);
    const state = await this.#options.directory.device(tenant, key);
    return state.kind === 'device' ? state : present;
  }

  async of({ tenant, account }: Person): Promise<PairedDevice[]> {
    const rows = await this.#options.reader.of(account.id);
    const states = await Promise.all(rows.map((row) => this.#options.directory.device(tenant, row.device)));
    return rows.flatMap((row, index) => {
      const device = states[index]!;
      return device.kind === 'device' ? [{ key: row.device, pairedAt: row.pairedAt, device }] : [];
    });
  }
}
