import type { Endpoint } from "../../src/transport/address.ts";
import type { Transport, TransportEvents } from "../../src/transport/transport.ts";
import type { ConnectionError } from "../../src/util/connection-error.ts";

/** A transport that does nothing by itself: it notes what it is told, and the test plays the peer and the system. */
export class FakeTransport implements Transport {
  readonly local: Endpoint = { family: "memory" };
  readonly remote: Endpoint = { family: "memory" };
  /** Each write, copied when it was made. */
  readonly writes: Uint8Array[] = [];
  /** What the owner has called besides `write`. */
  readonly calls: string[] = [];
  destroyedWith: ConnectionError | undefined;
  /** Set by a test that plays a transport which knows. */
  given?: number;
  #events: TransportEvents | undefined;
  readonly #pending: (() => void)[] = [];

  get events(): TransportEvents {
    if (this.#events === undefined) throw new Error("not started");
    return this.#events;
  }

  start(events: TransportEvents): void {
    this.#events = events;
  }

  write(bytes: Uint8Array, done: () => void): void {
    this.writes.push(bytes.slice());
    this.#pending.push(done);
  }

  pause(): void {
    this.calls.push("pause");
  }

  resume(): void {
    this.calls.push("resume");
  }

  end(): void {
    this.calls.push("end");
  }

  destroy(error: ConnectionError): void {
    this.calls.push("destroy");
    this.destroyedWith = error;
  }

  /** The system has taken the oldest write that it still held. */
  sent(): void {
    this.#pending.shift()?.();
  }

  allSent(): void {
    while (this.#pending.length > 0) this.sent();
  }
}
