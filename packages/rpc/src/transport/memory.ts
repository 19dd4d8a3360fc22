import { ConnectionError } from "../util/connection-error.ts";
import { nothing } from "../util/nothing.ts";
import type { Endpoint } from "./address.ts";
import type { Transport, TransportEvents } from "./transport.ts";

/** Two transports joined in memory. Bytes arrive in a later turn, as they would from a socket, in the same pieces. */
export function memoryPair(): [Transport, Transport] {
  const a = new MemoryTransport();
  const b = new MemoryTransport();
  a.join(b);
  b.join(a);
  return [a, b];
}

interface Delivery {
  readonly chunk: Uint8Array;
  readonly done: () => void;
}

/** Reads nothing before it is started, and while it is paused: what the peer wrote stays the peer's to keep. */
class MemoryTransport implements Transport {
  readonly local: Endpoint = { family: "memory" };
  readonly remote: Endpoint = { family: "memory" };
  #peer: MemoryTransport | undefined;
  #events: TransportEvents | undefined;
  readonly #inbox: Delivery[] = [];
  #scheduled = false;
  #paused = false;
  #peerEnded = false;
  #endedTold = false;
  #ending = false;
  #gone = false;

  join(peer: MemoryTransport): void {
    this.#peer = peer;
  }

  start(events: TransportEvents): void {
    this.#events = events;
    this.#schedule();
  }

  write(bytes: Uint8Array, done: () => void): void {
    const peer = this.#peer;
    if (this.#gone || this.#ending || peer === undefined || peer.#gone) queueMicrotask(done);
    else peer.#deliver({ chunk: bytes, done });
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  end(): void {
    if (this.#ending || this.#gone) return;
    this.#ending = true;
    const closed = (): void => this.#close(this.#goodbye());
    if (this.#peer === undefined || this.#peer.#gone) closed();
    else this.#peer.#peerEnd(closed);
  }

  destroy(error: ConnectionError): void {
    this.#close(error);
  }

  #deliver(delivery: Delivery): void {
    this.#inbox.push(delivery);
    this.#schedule();
  }

  /** The peer writes no more; `read` is called when all it wrote has been read. */
  #peerEnd(read: () => void): void {
    this.#inbox.push({ chunk: new Uint8Array(0), done: read });
    this.#peerEnded = true;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#run());
  }

  #run(): void {
    this.#scheduled = false;
    while (this.#events !== undefined && !this.#paused && !this.#gone) {
      const next = this.#inbox.shift();
      if (next === undefined) break;
      if (next.chunk.length > 0) this.#events.receive(next.chunk);
      next.done();
    }
    if (this.#peerEnded && this.#inbox.length === 0 && !this.#endedTold && !this.#gone) {
      this.#endedTold = true;
      this.#events?.ended();
    }
  }

  #goodbye(): ConnectionError {
    return this.#endedTold
      ? new ConnectionError("the peer closed the connection", "eof")
      : new ConnectionError("the connection was closed", "closed");
  }

  #close(error: ConnectionError): void {
    if (this.#gone) return;
    this.#gone = true;
    for (const { done } of this.#inbox.splice(0)) queueMicrotask(done);
    queueMicrotask(() => this.#events?.closed(error));
    const peer = this.#peer;
    if (peer !== undefined && !peer.#peerEnded) peer.#peerEnd(nothing);
  }
}
