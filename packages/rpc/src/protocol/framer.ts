import { ConnectionError } from "../util/connection-error.ts";
import { readUint32 } from "../xdr/words.ts";
import { HEADER_BYTES } from "./message.ts";

/** Takes one whole frame, length word included. The bytes are only lent: they change after it returns. */
export type FrameSink = (bytes: Uint8Array, start: number, end: number) => void;

const LENGTH_BYTES = 4;
/** A hoard beyond this is given back once it is empty. */
const KEPT_BYTES = 16_384;

/**
 * Cuts a byte stream into frames, whatever pieces it comes in (F001, F005). A frame that lies whole in a chunk is
 * handed on in place; only the unfinished rest of a chunk is copied. While stopped it keeps what comes.
 *
 * Memory: never more than twice what the peer has really sent of a frame, whatever length it announces.
 */
export class Framer {
  readonly #limit: number;
  readonly #sink: FrameSink;
  /** Bytes that came and were not handed on yet: `#held` of them, from index 0. */
  #hoard: Uint8Array = new Uint8Array(0);
  #held = 0;
  #stopped = false;
  #running = false;

  /** `limit` is the largest length word accepted. */
  constructor(limit: number, sink: FrameSink) {
    this.#limit = limit;
    this.#sink = sink;
  }

  /** Hands on every frame that `chunk` completes. Throws {@link ConnectionError} for a length word out of range. */
  push(chunk: Uint8Array): void {
    if (this.#stopped) {
      this.#keep(chunk, 0, chunk.length);
      return;
    }
    this.#running = true;
    try {
      let at = this.#held === 0 ? 0 : this.#complete(chunk);
      at = this.#stopped ? at : this.#cut(chunk, at, chunk.length);
      this.#keep(chunk, at, chunk.length);
    } finally {
      this.#running = false;
    }
  }

  /** No frame is handed on until `resume`. Called from the sink it takes effect after the frame at hand. */
  stop(): void {
    this.#stopped = true;
  }

  /** Hands on what came meanwhile. Throws as `push` does. */
  resume(): void {
    this.#stopped = false;
    if (this.#running || this.#held === 0) return;
    this.#running = true;
    try {
      this.#drop(this.#cut(this.#hoard, 0, this.#held));
    } finally {
      this.#running = false;
    }
  }

  /** Hands on the whole frames in `bytes[at..end)`; returns where the first unfinished one begins. */
  #cut(bytes: Uint8Array, at: number, end: number): number {
    let start = at;
    while (!this.#stopped && end - start >= LENGTH_BYTES) {
      const next = start + this.#length(bytes, start);
      if (next > end) break;
      this.#sink(bytes, start, next);
      start = next;
    }
    return start;
  }

  /** Adds to the frame in the hoard what it lacks and hands it on; returns how much of `chunk` that took. */
  #complete(chunk: Uint8Array): number {
    let at = 0;
    if (this.#held < LENGTH_BYTES) at = this.#take(chunk, 0, LENGTH_BYTES - this.#held);
    if (this.#held < LENGTH_BYTES) return at;
    const length = this.#length(this.#hoard, 0);
    at = this.#take(chunk, at, length - this.#held);
    if (this.#held < length) return at;
    this.#sink(this.#hoard, 0, length);
    this.#drop(length);
    return at;
  }

  #take(chunk: Uint8Array, at: number, wanted: number): number {
    const end = Math.min(chunk.length, at + wanted);
    this.#keep(chunk, at, end);
    return end;
  }

  #keep(chunk: Uint8Array, at: number, end: number): void {
    if (at === end) return;
    const held = this.#held + end - at;
    if (held > this.#hoard.length) this.#grow(held);
    this.#hoard.set(chunk.subarray(at, end), this.#held);
    this.#held = held;
  }

  #grow(held: number): void {
    const hoard = new Uint8Array(Math.max(held, Math.min(this.#hoard.length * 2, this.#limit)));
    hoard.set(this.#hoard.subarray(0, this.#held));
    this.#hoard = hoard;
  }

  /** Forgets the first `size` bytes of the hoard. */
  #drop(size: number): void {
    this.#held -= size;
    if (this.#held > 0) this.#hoard.copyWithin(0, size, size + this.#held);
    else if (this.#hoard.length > KEPT_BYTES) this.#hoard = new Uint8Array(0);
  }

  #length(bytes: Uint8Array, at: number): number {
    const length = readUint32(bytes, at);
    if (length < HEADER_BYTES || length > this.#limit) {
      throw new ConnectionError(
        `length word is ${length}, expected ${HEADER_BYTES} to ${this.#limit}${looksLike(length)}`,
        "protocol",
      );
    }
    return length;
  }
}

/** What the peer may be speaking instead, when its first four bytes tell. */
function looksLike(length: number): string {
  const guess = foreign.find(({ first, mask }) => (length & mask) >>> 0 === first);
  return guess === undefined ? "" : ` (the peer seems to speak ${guess.name})`;
}

const foreign = [
  { name: "TLS", first: 0x16030000, mask: 0xffff0000 },
  { name: "TLS: it sent an alert", first: 0x15030000, mask: 0xffff0000 },
  { name: "HTTP", first: 0x48545450, mask: 0xffffffff },
  { name: "HTTP", first: 0x47455420, mask: 0xffffffff },
  { name: "HTTP", first: 0x504f5354, mask: 0xffffffff },
  { name: "SSH", first: 0x5353482d, mask: 0xffffffff },
];
