import { Framer } from "../protocol/framer.ts";
import { defaultLimits } from "../protocol/limits.ts";
import type { Endpoint } from "../transport/address.ts";
import type { Transport, TransportEvents } from "../transport/transport.ts";
import { ConnectionError } from "../util/connection-error.ts";

/** What happens to the bytes that arrive. Frames are counted from 0, bytes from 0, both over the connection's whole life. */
export interface Faults {
  /** Frames that get lost. Frames of rubbish can't be told apart, so this wants a well-behaved peer. */
  readonly drop?: (frame: number) => boolean;
  /** Frames that change places with the next one. Wants a well-behaved peer. */
  readonly reorder?: (frame: number) => boolean;
  /** Bytes that change: what each is combined with (exclusive or) by its place. */
  readonly corrupt?: ReadonlyMap<number, number>;
  /** Bytes that a chunk has at most, asked for each chunk; at least 1. */
  readonly split?: () => number;
  /** Milliseconds until a chunk arrives, asked for each chunk; their order stays. */
  readonly delay?: () => number;
  /** The connection breaks when this many bytes have arrived. */
  readonly cut?: number;
}

/** `transport` with an unreliable way in. Its way out is as good as before: give the other end faults of its own. */
export function faulty(transport: Transport, faults: Faults): Transport {
  return new FaultyTransport(transport, faults);
}

/** Something that arrives, in its turn. */
type Arrival = { readonly chunk: Uint8Array } | { readonly ended: true };

class FaultyTransport implements Transport {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #inner: Transport;
  readonly #faults: Faults;
  readonly #arrivals: Arrival[] = [];
  #events: TransportEvents | undefined;
  #scheduled = false;
  #paused = false;
  #closed = false;
  #frames = 0;
  #held: Uint8Array | undefined;
  #bytes = 0;
  #arrived = 0;

  constructor(inner: Transport, faults: Faults) {
    this.local = inner.local;
    this.remote = inner.remote;
    this.#inner = inner;
    this.#faults = faults;
  }

  start(events: TransportEvents): void {
    this.#events = events;
    const { drop, reorder } = this.#faults;
    const framer = new Framer(defaultLimits.frame, {
      frame: (bytes, start, end) => this.#frame(bytes.slice(start, end)),
    });
    const byFrame = drop !== undefined || reorder !== undefined;
    this.#inner.start({
      receive: (chunk) => (byFrame ? framer.push(chunk) : this.#damage(chunk.slice())),
      ended: () => this.#arrive({ ended: true }),
      closed: (error) => this.#gone(error),
    });
  }

  write(bytes: Uint8Array, done: () => void): void {
    this.#inner.write(bytes, done);
  }

  pause(): void {
    this.#paused = true;
    this.#inner.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#inner.resume();
    this.#schedule();
  }

  end(): void {
    this.#inner.end();
  }

  destroy(error: ConnectionError): void {
    this.#inner.destroy(error);
  }

  #frame(frame: Uint8Array): void {
    const index = this.#frames++;
    if (this.#faults.drop?.(index) === true) return;
    const held = this.#held;
    if (held === undefined && this.#faults.reorder?.(index) === true) {
      this.#held = frame;
      return;
    }
    this.#held = undefined;
    this.#damage(frame);
    if (held !== undefined) this.#damage(held);
  }

  #damage(chunk: Uint8Array): void {
    for (const [at, mask] of this.#faults.corrupt ?? []) {
      const index = at - this.#bytes;
      if (index >= 0 && index < chunk.length) chunk[index] = (chunk[index] ?? 0) ^ mask;
    }
    this.#bytes += chunk.length;
    for (let at = 0; at < chunk.length; ) {
      const size = Math.max(1, this.#faults.split?.() ?? chunk.length);
      this.#arrive({ chunk: chunk.subarray(at, at + size) });
      at += size;
    }
  }

  #arrive(arrival: Arrival): void {
    this.#arrivals.push(arrival);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#paused || this.#closed || this.#arrivals.length === 0) return;
    this.#scheduled = true;
    const delay = this.#faults.delay?.() ?? 0;
    if (delay > 0) setTimeout(() => this.#next(), delay);
    else setImmediate(() => this.#next());
  }

  #next(): void {
    this.#scheduled = false;
    if (this.#paused || this.#closed) return;
    const arrival = this.#arrivals.shift();
    if (arrival !== undefined && "ended" in arrival) this.#events?.ended();
    else if (arrival !== undefined) this.#receive(arrival.chunk);
    this.#schedule();
  }

  #receive(chunk: Uint8Array): void {
    const left = (this.#faults.cut ?? Number.POSITIVE_INFINITY) - this.#arrived;
    this.#arrived += chunk.length;
    this.#events?.receive(chunk.length > left ? chunk.subarray(0, left) : chunk);
    if (chunk.length >= left) this.#inner.destroy(new ConnectionError("the connection was cut", "error"));
  }

  #gone(error: ConnectionError): void {
    this.#closed = true;
    this.#arrivals.length = 0;
    this.#events?.closed(error);
  }
}
