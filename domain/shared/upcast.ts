/**
 * Versions of stored events. A module names its events with `defineEvents`; old shapes are brought to the present
 * one by pure steps, n → n + 1, when they are read. What is stored never changes.
 */
import type { z } from 'zod';
import type { DomainEvent } from './event.ts';

export interface EventDefinition<Data = unknown> {
  /** The present version, from 1. Raise it when the stored shape changes, and add the step from the one before. */
  readonly version: number;
  /** The shape of `data` in the present version. */
  readonly schema: z.ZodType<Data>;
  /** `upcasters[0]` makes version 2 of version 1, and so on: one fewer than `version`. */
  readonly upcasters: readonly ((data: never) => unknown)[];
}

export type EventDefinitions = Readonly<Record<string, EventDefinition>>;

/** The events of definitions as a union, for the signatures of deciders and projections. */
export type EventOf<D extends EventDefinitions> = {
  [Type in keyof D & string]: DomainEvent<Type, z.infer<D[Type]['schema']>>;
}[keyof D & string];

/** Stored by a newer version of the program, or by one that knew more types. */
export class UnknownEvent extends Error {
  override readonly name = 'UnknownEvent';
  readonly type: string;
  readonly version: number;
  constructor(type: string, version: number, reason: string) {
    super(`event ${type} of version ${version}: ${reason}`);
    this.type = type;
    this.version = version;
  }
}

/** @throws Error when a definition lacks a step between versions. */
export function defineEvents<const D extends EventDefinitions>(definitions: D): D {
  for (const [type, { version, upcasters }] of Object.entries(definitions)) {
    if (!Number.isSafeInteger(version) || version < 1) throw new Error(`${type} has no version`);
    if (upcasters.length !== version - 1)
      throw new Error(`${type} is at version ${version} and has ${upcasters.length} upcasters`);
  }
  return definitions;
}

export interface EventRegistry {
  /** @throws UnknownEvent */
  readonly definition: (type: string, version: number) => EventDefinition;
  /**
   * `data` as of `version`, in the present shape. Not validated: what was stored was valid then, and a golden file
   * of every version holds the steps to the schema.
   * @throws UnknownEvent
   */
  readonly upcast: (type: string, version: number, data: unknown) => unknown;
  readonly definitions: EventDefinitions;
}

/** @throws Error when two modules define the same type. */
export function eventRegistry(...modules: readonly EventDefinitions[]): EventRegistry {
  const all = new Map<string, EventDefinition>();
  for (const module of modules)
    for (const [type, definition] of Object.entries(module)) {
      if (all.has(type)) throw new Error(`two modules define the event ${type}`);
      all.set(type, definition);
    }
  const definition = (type: string, version: number): EventDefinition => {
    const known = all.get(type);
    if (!known) throw new UnknownEvent(type, version, 'the type is not known');
    if (version > known.version) throw new UnknownEvent(type, version, `${known.version} is the newest known`);
    if (!Number.isSafeInteger(version) || version < 1)
      throw new UnknownEvent(type, version, 'there is no such version');
    return known;
  };
  return {
    definition,
    definitions: Object.fromEntries(all),
    upcast(type, version, data) {
      const { upcasters } = definition(type, version);
      let present = data;
      for (const step of upcasters.slice(version - 1)) present = step(present as never);
      return present;
    },
  };
}
