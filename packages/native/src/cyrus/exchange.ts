import { SaslError, type SaslExchange, type SaslStep } from "virnet/sasl";
import type { Pointer } from "../foreign.ts";
import { CyrusLayer } from "./layer.ts";
import type { Out } from "./libsasl2.ts";
import { properties, results } from "./numbers.ts";
import type { Session } from "./session.ts";

/** Runs one step of an authentication in libsasl2; gives its result code, and where it has put what to say. */
export type Advance = (input: Uint8Array | null, signal: AbortSignal) => Promise<Advanced>;

export interface Advanced {
  readonly code: number;
  readonly output: Pointer | null;
  readonly length: number;
}

/** An authentication on either side, over a session that it owns until a layer takes it over. */
export class CyrusExchange implements SaslExchange {
  readonly #session: Session;
  readonly #advance: Advance;
  readonly #maxBuffer: number;
  #layer: CyrusLayer | null = null;

  constructor(session: Session, maxBuffer: number, advance: Advance) {
    this.#session = session;
    this.#maxBuffer = maxBuffer;
    this.#advance = advance;
  }

  async step(input: Uint8Array | null, signal: AbortSignal): Promise<SaslStep> {
    signal.throwIfAborted();
    const { code, output: at, length } = await this.#advance(input, signal);
    this.#session.check(code);
    const output = at === null ? null : this.#copyOf(at, length);
    if (code === results.continue) return { done: false, output };
    // Nothing but this lets anybody in.
    if (code !== results.ok) throw this.#session.failure(code);
    return this.#concluded(output);
  }

  close(): void {
    if (this.#layer === null) this.#session.close();
  }

  #concluded(output: Uint8Array | null): SaslStep {
    const user = this.#session.text(properties.user);
    if (user === null) throw new SaslError("Cyrus SASL: the mechanism has said no user");
    const ssf = this.#session.number(properties.ssf);
    if (ssf > 0) this.#layer = new CyrusLayer(this.#session, ssf, this.#maxBuffer);
    return { done: true, output, user, ssf, layer: this.#layer };
  }

  #copyOf(at: Pointer, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#session.sasl.foreign.read(at, bytes);
    return bytes;
  }
}

/** A step's results, to be written by C. */
export interface Results {
  readonly output: Out<Pointer | null>;
  readonly length: Out<number>;
}

export function emptyResults(): Results {
  return { output: [null], length: [0] };
}
