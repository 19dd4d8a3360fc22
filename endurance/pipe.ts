import type { ConnectionError, Endpoint, Transport, TransportEvents } from "virnet";

/** A transport without a wire: what is fed arrives at once, and what is written is counted and forgotten. */
export class Pipe implements Transport {
  readonly local: Endpoint = { family: "memory" };
  readonly remote: Endpoint = { family: "memory" };
  /** How the connection ended, once it has. */
  ending: ConnectionError | undefined;
  readonly #written: (bytes: Uint8Array) => void;
  #events: TransportEvents | undefined;
  #paused = false;

  constructor(written: (bytes: Uint8Array) => void) {
    this.#written = written;
  }

  /** False once nothing more can arrive. */
  get isOpen(): boolean {
    return this.ending === undefined && !this.#paused;
  }

  feed(bytes: Uint8Array): void {
    this.#events?.receive(bytes);
  }

  start(events: TransportEvents): void {
    this.#events = events;
  }

  write(bytes: Uint8Array, done: () => void): void {
    this.#written(bytes);
    queueMicrotask(done);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  end(): void {}

  destroy(error: ConnectionError): void {
    this.ending = error;
    this.#events?.closed(error);
  }
}
