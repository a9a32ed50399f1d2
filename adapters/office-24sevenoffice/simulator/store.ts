import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Documents of JSON in a directory, each written to a file beside it and renamed, so that a process which dies leaves
 * the old or the new one. Without a directory nothing is kept.
 */
export class JsonFiles {
  readonly #directory: string | undefined;
  readonly #dirty = new Map<string, () => unknown>();
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(directory: string | undefined) {
    this.#directory = directory;
  }

  /** All documents by name. Throws when one is not JSON: it must be looked at rather than overwritten. */
  async load(): Promise<ReadonlyMap<string, unknown>> {
    const found = new Map<string, unknown>();
    if (this.#directory === undefined) return found;
    await mkdir(this.#directory, { recursive: true });
    for (const file of await readdir(this.#directory)) {
      if (!file.endsWith('.json')) continue;
      const content = await readFile(join(this.#directory, file), 'utf8');
      found.set(decodeURIComponent(file.slice(0, -'.json'.length)), JSON.parse(content));
    }
    return found;
  }

  /** Says that a document has changed; `content` is asked for when it is written. */
  changed(name: string, content: () => unknown): void {
    if (this.#directory !== undefined) this.#dirty.set(name, content);
  }

  /** Resolves when all changes made before the call are in files; calls at the same time share one writing. */
  async flush(): Promise<void> {
    if (this.#next === undefined) {
      const before = this.#running;
      this.#next = (async () => {
        // A failed writing was reported to whom it concerned, and left its documents marked as changed.
        await before.catch(() => undefined);
        this.#next = undefined;
        this.#running = this.#write();
        await this.#running;
      })();
    }
    await this.#next;
  }

  async #write(): Promise<void> {
    const directory = this.#directory;
    if (directory === undefined) return;
    const batch = [...this.#dirty];
    this.#dirty.clear();
    await Promise.all(
      batch.map(async ([name, content]) => {
        const file = join(directory, `${encodeURIComponent(name)}.json`);
        try {
          await writeFile(`${file}.new`, JSON.stringify(content()));
          await rename(`${file}.new`, file);
        } catch (error) {
          if (!this.#dirty.has(name)) this.#dirty.set(name, content);
          throw error;
        }
      }),
    );
  }
}
