import type { Logger } from '../adapters/log/logger.ts';

/** Undoes what was started, the last first; a failing step does not keep the others from running. */
export class Teardown {
  readonly #steps: { readonly name: string; readonly undo: () => unknown }[] = [];

  add(name: string, undo: () => unknown): void {
    this.#steps.push({ name, undo });
  }

  async run(logger: Logger): Promise<void> {
    for (const { name, undo } of this.#steps.splice(0).reverse()) {
      try {
        await undo();
      } catch (error) {
        logger.error({ err: error }, `could not stop ${name}`);
      }
    }
  }
}
