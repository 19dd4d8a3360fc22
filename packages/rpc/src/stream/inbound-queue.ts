import { BLOCK_BYTES, type BlockPool } from "./block-pool.ts";
import type { Hole } from "./part.ts";

/** Bytes that wait in a buffer, from `start` to `end`. */
export interface Block {
  readonly buffer: Uint8Array;
  readonly start: number;
  readonly end: number;
}

interface GrowingBlock extends Block {
  end: number;
}

interface GrowingHole {
  hole: bigint;
}

/** The least a buffer holds, so that a peer that sends byte by byte costs no more than its bytes. */
const LEAST_BYTES = 4096;
/** With so much waiting, what comes goes into buffers of the pool. */
const POOLED_BYTES = 65_536;
/** What a hole counts in `size`. */
const HOLE_BYTES = 64;

/** Data and holes of one stream that came and were not taken yet, in order. */
export class InboundQueue {
  readonly #pool: BlockPool;
  readonly #parts: (GrowingBlock | GrowingHole)[] = [];
  #size = 0;

  constructor(pool: BlockPool) {
    this.#pool = pool;
  }

  /** Memory that the queue takes, in bytes: buffers count whole. */
  get size(): number {
    return this.#size;
  }

  get isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  /** Copies `bytes[start..end)`. */
  push(bytes: Uint8Array, start: number, end: number): void {
    let at = this.#fill(bytes, start, end);
    while (at < end) {
      const buffer = this.#buffer(end - at);
      const size = Math.min(buffer.length, end - at);
      buffer.set(bytes.subarray(at, at + size));
      this.#parts.push({ buffer, start: 0, end: size });
      this.#size += buffer.length;
      at += size;
    }
  }

  /** Holes that follow one another become one. */
  pushHole(length: bigint): void {
    const last = this.#parts.at(-1);
    if (last !== undefined && "hole" in last) {
      last.hole += length;
      return;
    }
    this.#parts.push({ hole: length });
    this.#size += HOLE_BYTES;
  }

  /** The first that came; a block's buffer is the caller's until it goes back to the pool. */
  shift(): Block | Hole | undefined {
    const first = this.#parts.shift();
    if (first !== undefined) this.#size -= "hole" in first ? HOLE_BYTES : first.buffer.length;
    return first;
  }

  clear(): void {
    for (const part of this.#parts) if (!("hole" in part)) this.#pool.give(part.buffer);
    this.#parts.length = 0;
    this.#size = 0;
  }

  /** Uses the room that the last buffer has left; returns how far that got. */
  #fill(bytes: Uint8Array, start: number, end: number): number {
    const last = this.#parts.at(-1);
    if (last === undefined || "hole" in last) return start;
    const size = Math.min(last.buffer.length - last.end, end - start);
    if (size === 0) return start;
    last.buffer.set(bytes.subarray(start, start + size), last.end);
    last.end += size;
    return start + size;
  }

  #buffer(size: number): Uint8Array {
    if (this.#size + size >= POOLED_BYTES) return this.#pool.take();
    return new Uint8Array(Math.min(Math.max(size, LEAST_BYTES), BLOCK_BYTES));
  }
}
