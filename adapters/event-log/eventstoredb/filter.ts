/**
 * Which fingerprints were ever added, in three bytes each: "no" is certain, "yes" is right but for one answer in
 * some thousands. It grows by layers, each four times as large as the one before.
 */
import { hash } from 'node:crypto';

const bitsEach = 24;
const probes = 7;
const firstCapacity = 2_048;

interface Layer {
  readonly bits: Uint8Array;
  readonly capacity: number;
  count: number;
}

/** 64 bits that stand for a text, in 16 hexadecimal digits. */
export const fingerprint = (text: string): string => hash('sha1', text, 'hex').slice(0, 16);

export class FingerprintFilter {
  readonly #layers: Layer[] = [];

  /** @param expected how many are going to be added at first. */
  constructor(expected = 0) {
    this.#layers.push(layerOf(Math.max(firstCapacity, 2 * expected)));
  }

  add(print: string): void {
    let last = this.#layers.at(-1)!;
    if (last.count >= last.capacity) this.#layers.push((last = layerOf(4 * last.capacity)));
    last.count++;
    for (const bit of bitsOf(print, last)) last.bits[bit >>> 3]! |= 1 << (bit & 7);
  }

  has(print: string): boolean {
    return this.#layers.some((layer) => bitsOf(print, layer).every((bit) => layer.bits[bit >>> 3]! & (1 << (bit & 7))));
  }
}

function layerOf(capacity: number): Layer {
  return { bits: new Uint8Array((capacity * bitsEach) >>> 3), capacity, count: 0 };
}

function bitsOf(print: string, { bits }: Layer): number[] {
  const size = bits.length * 8;
  const first = Number.parseInt(print.slice(0, 8), 16);
  const step = Number.parseInt(print.slice(8), 16) | 1;
  return Array.from({ length: probes }, (_, n) => (first + n * (step >>> 0)) % size);
}
