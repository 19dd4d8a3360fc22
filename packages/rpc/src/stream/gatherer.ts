import { nothing } from "../util/nothing.ts";
import type { Hole } from "./part.ts";
import type { DirectSink } from "./stream-core.ts";

/** A piece that comes when the block is not quite full still fits. */
const SLACK_BYTES = 262_144;
/** Where data comes so slowly that a block would take longer to fill, it is handed over as it comes. */
const PATIENCE_MS = 100;

/**
 * Gathers data into blocks of at least a given size for those to whom each turn costs much, such as files. Two buffers
 * take turns: one is filled while the other is being taken.
 */
export class Gatherer implements DirectSink {
  readonly #least: number;
  readonly #take: (bytes: Uint8Array) => Promise<unknown>;
  readonly #takeHole: (hole: Hole) => Promise<unknown>;
  #filling: Uint8Array;
  #spare: Uint8Array;
  #size = 0;
  #handedOver = performance.now();
  /** Of the block before; rejects for good when that could not be taken. */
  #taken: Promise<unknown> | undefined;

  constructor(
    least: number,
    take: (bytes: Uint8Array) => Promise<unknown>,
    takeHole: (hole: Hole) => Promise<unknown>,
  ) {
    this.#least = least;
    this.#take = take;
    this.#takeHole = takeHole;
    this.#filling = new Uint8Array(least + SLACK_BYTES);
    this.#spare = new Uint8Array(least + SLACK_BYTES);
  }

  data(bytes: Uint8Array): Promise<unknown> | undefined {
    const size = this.#size + bytes.length;
    if (size > this.#filling.length) this.#filling = grown(this.#filling, size);
    this.#filling.set(bytes, this.#size);
    this.#size = size;
    if (size < this.#least && performance.now() - this.#handedOver < PATIENCE_MS) return undefined;
    if (this.#taken !== undefined) return this.#taken.then(() => this.#handOver());
    this.#handOver();
    return undefined;
  }

  async hole(hole: Hole): Promise<void> {
    await this.end();
    await this.#takeHole(hole);
  }

  /** Hands over what there is; resolves when all has been taken. */
  async end(): Promise<void> {
    await this.#taken;
    if (this.#size > 0) this.#handOver();
    await this.#taken;
  }

  #handOver(): void {
    const block = this.#filling.subarray(0, this.#size);
    [this.#filling, this.#spare] = [this.#spare, this.#filling];
    this.#size = 0;
    this.#handedOver = performance.now();
    this.#taken = this.#takeAll(block);
    this.#taken.catch(nothing); // whoever comes next hears of it
  }

  async #takeAll(block: Uint8Array): Promise<void> {
    await this.#take(block);
    this.#taken = undefined;
  }
}

function grown(bytes: Uint8Array, size: number): Uint8Array {
  const larger = new Uint8Array(size);
  larger.set(bytes);
  return larger;
}
