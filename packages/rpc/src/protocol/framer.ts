import { ConnectionError } from "../util/connection-error.ts";
import { readUint32 } from "../xdr/words.ts";
import { HEADER_BYTES } from "./message.ts";

/** Takes the payload of one frame piece by piece, in order. The bytes are only lent. */
export type PieceSink = (bytes: Uint8Array, start: number, end: number) => void;

/** What a framer calls. */
export interface FrameSink {
  /** One whole frame, length word included. The bytes are only lent: they change after it returns. */
  frame(bytes: Uint8Array, start: number, end: number): void;
  /**
   * Asked about a large frame that has not come whole, with its header at `start`: who takes the payload as it comes?
   * Nobody, and the frame is collected.
   */
  passage?(bytes: Uint8Array, start: number): PieceSink | undefined;
}

const LENGTH_BYTES = 4;
/** Shorter frames are collected: that costs less than passing them on in pieces. */
const PASSED_BYTES = 16_384;
/** A hoard beyond this is given back once it is empty. */
const KEPT_BYTES = 16_384;

/**
 * Cuts a byte stream into frames, whatever pieces it comes in (F001, F005). A frame that lies whole in a chunk is
 * handed on in place; only the unfinished rest of a chunk is copied. While stopped it keeps what comes.
 *
 * Memory: never more than twice what the peer has really sent of a frame, whatever length it announces.
 */
export class Framer {
  #limit: number;
  readonly #sink: FrameSink;
  /** Takes the rest of the frame at hand, of which `#left` bytes are still to come. */
  #passing: PieceSink | undefined;
  #left = 0;
  /** Bytes that came and were not handed on yet lie in `#hoard[#first..#last)`. */
  #hoard: Uint8Array = nothing;
  #first = 0;
  #last = 0;
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
      let at = this.#pass(chunk, 0, chunk.length);
      if (this.#held() > 0 && !this.#stopped) at = this.#complete(chunk);
      at = this.#stopped ? at : this.#cut(chunk, at, chunk.length);
      this.#keep(chunk, at, chunk.length);
    } finally {
      this.#running = false;
    }
  }

  /** How many bytes the frame at hand lacks, as far as is known: until its header is there, how many of that. */
  get missing(): number {
    if (this.#passing !== undefined) return this.#left;
    if (this.#held() < HEADER_BYTES) return HEADER_BYTES - this.#held();
    return readUint32(this.#hoard, this.#first) - this.#held();
  }

  /** No frame is handed on until `resume`. Called from the sink it takes effect after the frame at hand. */
  stop(): void {
    this.#stopped = true;
  }

  /** Hands on what came meanwhile. Throws as `push` does. */
  resume(): void {
    this.#stopped = false;
    if (this.#running || this.#held() === 0) return;
    this.#running = true;
    try {
      const at = this.#pass(this.#hoard, this.#first, this.#last);
      this.#drop(this.#cut(this.#hoard, at, this.#last) - this.#first);
    } finally {
      this.#running = false;
    }
  }

  /** The largest length word accepted from now on. */
  bound(limit: number): void {
    this.#limit = limit;
  }

  /** Between frames, while stopped: what came and was not handed on yet, which is forgotten here. */
  takeRest(): Uint8Array {
    const rest = this.#hoard.slice(this.#first, this.#last);
    this.#drop(rest.length);
    return rest;
  }

  /** Hands on the whole frames in `bytes[at..end)`; returns where the first unfinished one begins. */
  #cut(bytes: Uint8Array, at: number, end: number): number {
    let start = at;
    while (!this.#stopped && end - start >= LENGTH_BYTES) {
      const next = start + this.#length(bytes, start);
      if (next > end) return this.#passFrom(bytes, start, end, next - start);
      this.#sink.frame(bytes, start, next);
      start = next;
    }
    return start;
  }

  /** Adds to the frame in the hoard what it lacks and hands it on; returns how much of `chunk` that took. */
  #complete(chunk: Uint8Array): number {
    let at = 0;
    if (this.#held() < LENGTH_BYTES) at = this.#take(chunk, 0, LENGTH_BYTES - this.#held());
    if (this.#held() < LENGTH_BYTES) return at;
    const length = this.#length(this.#hoard, this.#first);
    if (this.#held() < HEADER_BYTES) {
      at = this.#take(chunk, at, HEADER_BYTES - this.#held());
      if (this.#held() < HEADER_BYTES) return at;
      if (this.#passFrom(this.#hoard, this.#first, this.#last, length) > this.#first) {
        this.#drop(HEADER_BYTES);
        return this.#pass(chunk, at, chunk.length);
      }
    }
    at = this.#take(chunk, at, length - this.#held());
    if (this.#held() < length) return at;
    this.#sink.frame(this.#hoard, this.#first, this.#first + length);
    this.#drop(length);
    return at;
  }

  /** Begins to pass on the frame at `start`, if somebody takes it; returns how far that got. */
  #passFrom(bytes: Uint8Array, start: number, end: number, length: number): number {
    if (length < PASSED_BYTES || end - start < HEADER_BYTES) return start;
    this.#passing = this.#sink.passage?.(bytes, start);
    if (this.#passing === undefined) return start;
    this.#left = length - HEADER_BYTES;
    return this.#pass(bytes, start + HEADER_BYTES, end);
  }

  /** Passes on what `bytes[at..end)` has of the frame at hand; returns how far that got. */
  #pass(bytes: Uint8Array, at: number, end: number): number {
    const sink = this.#passing;
    if (sink === undefined) return at;
    const stop = Math.min(end, at + this.#left);
    this.#left -= stop - at;
    if (this.#left === 0) this.#passing = undefined;
    if (stop > at) sink(bytes, at, stop);
    return stop;
  }

  #take(chunk: Uint8Array, at: number, wanted: number): number {
    const end = Math.min(chunk.length, at + wanted);
    this.#keep(chunk, at, end);
    return end;
  }

  #held(): number {
    return this.#last - this.#first;
  }

  #keep(chunk: Uint8Array, at: number, end: number): void {
    if (at === end) return;
    if (this.#last + end - at > this.#hoard.length) this.#makeRoom(this.#held() + end - at);
    this.#hoard.set(chunk.subarray(at, end), this.#last);
    this.#last += end - at;
  }

  /** For `size` bytes in all: moves what is there to the front, of a larger hoard if need be. */
  #makeRoom(size: number): void {
    const held = this.#held();
    if (size <= this.#hoard.length) {
      this.#hoard.copyWithin(0, this.#first, this.#last);
    } else {
      const hoard = new Uint8Array(Math.max(size, Math.min(this.#hoard.length * 2, this.#limit)));
      hoard.set(this.#hoard.subarray(this.#first, this.#last));
      this.#hoard = hoard;
    }
    this.#first = 0;
    this.#last = held;
  }

  /** Forgets the first `size` bytes of the hoard. They are moved over only when room is needed. */
  #drop(size: number): void {
    this.#first += size;
    if (this.#first < this.#last) return;
    this.#first = 0;
    this.#last = 0;
    if (this.#hoard.length > KEPT_BYTES) this.#hoard = nothing;
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

/** The hoard of those who have none: an idle connection owns no bytes. */
const nothing = new Uint8Array(0);

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
