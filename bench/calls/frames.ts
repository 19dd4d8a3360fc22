import { HEADER_BYTES } from "virnet/protocol";

/** The words of a call's header that matter to a server. */
export interface CallWords {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
}

/** `count` calls, one behind the other, with zeros for a payload. */
export function callFrames({ program, version, procedure }: CallWords, payload: number, count: number): Buffer {
  const size = HEADER_BYTES + payload;
  const frames = Buffer.alloc(size * count);
  for (let serial = 0; serial < count; serial++) {
    const words = [size, program, version, procedure, 0, serial, 0];
    for (const [i, word] of words.entries()) frames.writeUInt32BE(word, serial * size + i * 4);
  }
  return frames;
}

/** Counts the frames that end in a stream of bytes, whatever pieces it comes in. Keeps no bytes. */
export class FrameCounter {
  /** Bytes of the frame at hand that are still to come. */
  #left = 0;
  #word = 0;
  #wordBytes = 0;

  /** How many frames end in `chunk`. */
  push(chunk: Uint8Array): number {
    let ended = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.#left === 0) at = this.#readLength(chunk, at);
      const step = Math.min(this.#left, chunk.length - at);
      at += step;
      this.#left -= step;
      if (step > 0 && this.#left === 0) ended++;
    }
    return ended;
  }

  /** A length word may be cut in two as well. */
  #readLength(chunk: Uint8Array, start: number): number {
    let at = start;
    while (this.#wordBytes < 4 && at < chunk.length) {
      this.#word = ((this.#word << 8) | (chunk[at++] ?? 0)) >>> 0;
      this.#wordBytes++;
    }
    if (this.#wordBytes === 4) {
      this.#left = this.#word - 4;
      this.#word = 0;
      this.#wordBytes = 0;
    }
    return at;
  }
}
