/** A batch of held commands, from the stream of its conversation. */
import type { PastEvent } from '../item/decide.ts';
import { parseItemType } from '../item/events.ts';
import type { DeviceKey, ItemId } from '../shared/ids.ts';
import type { HeldCommand, SyncEventData } from './events.ts';

export interface Batch {
  readonly batch: string;
  readonly rule: SyncEventData['CommandsHeld']['rule'];
  /** The last word on each item. */
  readonly commands: readonly HeldCommand[];
  /** How a person decided; absent: not yet. */
  readonly outcome?: 'released' | 'discarded';
}

/** Undefined when the stream does not know of the batch. */
export function foldBatch(events: readonly { type: string; data: unknown }[], batch: string): Batch | undefined {
  const commands = new Map<ItemId, HeldCommand>();
  let found: Omit<Batch, 'commands'> | undefined;
  for (const { type, data } of events) {
    if ((data as { batch?: string } | null)?.batch !== batch) continue;
    if (type === 'BatchReleased' && found) found = { ...found, outcome: 'released' };
    if (type === 'BatchDiscarded' && found) found = { ...found, outcome: 'discarded' };
    if (type !== 'CommandsHeld') continue;
    const held = data as SyncEventData['CommandsHeld'];
    found = { ...found, batch, rule: held.rule };
    for (const command of held.commands) commands.set(command.item, command);
  }
  return found && { ...found, commands: [...commands.values()] };
}

/** Whether the device did something else with the item after it was kept from this. */
export function isSuperseded(history: readonly PastEvent[], { seen }: HeldCommand, device: DeviceKey): boolean {
  return history.some(({ revision, actor, type }) => {
    if (revision <= seen || actor.kind !== 'device' || actor.device !== device) return false;
    const verb = parseItemType(type)?.verb;
    return verb !== undefined && verb !== 'ConflictKept';
  });
}
