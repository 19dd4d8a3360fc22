import { SaslError } from "../../src/sasl/sasl-error.ts";
import type { SecurityLayer } from "../../src/sasl/security-layer.ts";
import { concat } from "./bytes.ts";

const HEAD_BYTES = 8;

/**
 * A layer for tests, as real ones are built: a length word, a count of the frame, and the text with every bit turned over.
 * It protects nothing, but finds out whoever skips, repeats or mixes up anything.
 */
export class TestLayer implements SecurityLayer {
  readonly ssf = 128;
  readonly maxPlain: number;
  closed = 0;
  wrapped = 0;
  #unwrapped = 0;
  #rest: Uint8Array = new Uint8Array();

  constructor(maxPlain = 1000) {
    this.maxPlain = maxPlain;
  }

  wrap(plain: Uint8Array): Uint8Array {
    if (plain.length > this.maxPlain) throw new SaslError(`${plain.length} bytes, expected at most ${this.maxPlain}`);
    const frame = new Uint8Array(HEAD_BYTES + plain.length);
    const words = new DataView(frame.buffer);
    words.setUint32(0, HEAD_BYTES - 4 + plain.length);
    words.setUint32(4, this.wrapped++);
    frame.set(
      plain.map((byte) => byte ^ 0xff),
      HEAD_BYTES,
    );
    return frame;
  }

  unwrap(chunk: Uint8Array): Uint8Array {
    let bytes = concat(this.#rest, chunk);
    const texts: Uint8Array[] = [];
    for (;;) {
      const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const size = bytes.length < 4 ? Number.POSITIVE_INFINITY : words.getUint32(0) + 4;
      if (Number.isFinite(size) && size > this.maxPlain + HEAD_BYTES) throw new SaslError(`a frame of ${size} bytes`);
      if (bytes.length < size) break;
      if (size < HEAD_BYTES || words.getUint32(4) !== this.#unwrapped++) throw new SaslError("a damaged frame");
      texts.push(bytes.slice(HEAD_BYTES, size).map((byte) => byte ^ 0xff));
      bytes = bytes.slice(size);
    }
    this.#rest = bytes;
    return concat(...texts);
  }

  close(): void {
    this.closed++;
  }
}
