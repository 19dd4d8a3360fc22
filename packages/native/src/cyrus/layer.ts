import { SaslError, type SecurityLayer } from "virnet/sasl";
import type { Pointer } from "../foreign.ts";
import type { Out } from "./libsasl2.ts";
import { properties } from "./numbers.ts";
import type { Session } from "./session.ts";

/** The security layer of an authenticated session, which it owns: closing the one closes the other. */
export class CyrusLayer implements SecurityLayer {
  readonly ssf: number;
  readonly maxPlain: number;
  readonly #session: Session;
  readonly #maxBuffer: number;
  #isBroken = false;

  /** `maxBuffer`: the largest frame that we have told the peer we take, which is also the most libsasl2 takes at once. */
  constructor(session: Session, ssf: number, maxBuffer: number) {
    this.#session = session;
    this.ssf = ssf;
    this.#maxBuffer = maxBuffer;
    this.maxPlain = maxPlainOf(session.number(properties.maxOutput));
  }

  wrap(plain: Uint8Array): Uint8Array {
    if (plain.length > this.maxPlain) {
      throw new RangeError(`${plain.length} bytes to wrap; the peer takes ${this.maxPlain} in a frame`);
    }
    return this.#code("sasl_encode", plain);
  }

  unwrap(chunk: Uint8Array): Uint8Array {
    if (chunk.length <= this.#maxBuffer) return this.#code("sasl_decode", chunk);
    const parts: Uint8Array[] = [];
    for (let at = 0; at < chunk.length; at += this.#maxBuffer) {
      parts.push(this.#code("sasl_decode", chunk.subarray(at, at + this.#maxBuffer)));
    }
    return concatenated(parts);
  }

  close(): void {
    this.#session.close();
  }

  /** What libsasl2 gives stays valid until its next call, so it is copied. */
  #code(how: "sasl_encode" | "sasl_decode", bytes: Uint8Array): Uint8Array {
    this.#throwIfUnusable();
    if (bytes.length === 0) return nothing;
    const { sasl, pointer } = this.#session;
    const output: Out<Pointer | null> = [null];
    const length: Out<number> = [0];
    const code = sasl.functions[how](pointer, bytes, bytes.length, output, length);
    if (code < 0) {
      this.#isBroken = true;
      throw this.#session.failure(code);
    }
    if (output[0] === null || length[0] === 0) return nothing;
    const result = new Uint8Array(length[0]);
    sasl.foreign.read(output[0], result);
    return result;
  }

  #throwIfUnusable(): void {
    this.#session.throwIfClosed();
    if (this.#isBroken) throw new SaslError("Cyrus SASL: the security layer has failed before");
  }
}

/**
 * DIGEST-MD5 takes its overhead off what the peer announces and does not look whether that was enough: a peer that
 * announces fewer bytes than the overhead makes it four thousand million.
 */
function maxPlainOf(maxOutput: number): number {
  if (maxOutput >= 1 && maxOutput <= largestFrame) return maxOutput;
  throw new SaslError(`Cyrus SASL: the peer takes no frame in which a byte has room (${maxOutput})`);
}

const largestFrame = 0xff_ff_ff;

const nothing = new Uint8Array(0);

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
