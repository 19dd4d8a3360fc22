import type { Security } from "../tls/security.ts";
import type { ConnectionError } from "../util/connection-error.ts";
import type { Endpoint } from "./address.ts";

/** What a transport calls. Plain calls, never promises: this is the hot path. */
export interface TransportEvents {
  /** Bytes from the peer. They are only lent: the buffer is used again once this returns. */
  receive(chunk: Uint8Array): void;
  /** The peer sends no more; it may still read. */
  ended(): void;
  /** Once, and last: reason `eof` when the peer closed, `closed` when we did, `error` otherwise. */
  closed(error: ConnectionError): void;
}

/** A byte stream in both directions, whatever carries it. */
export interface Transport {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** How the bytes are protected; `null` or absent: not at all. */
  readonly security?: Security | null;
  /**
   * How many of the bytes written since `start` the system was given at the most. Asked once the transport has closed;
   * where it is absent, all of them count.
   */
  readonly given?: number;
  /** Begins reading. Called once, before anything else. */
  start(events: TransportEvents): void;
  /** Sends `bytes`; calls `done`, never before returning, when they are no longer needed: sent, or lost with the connection. */
  write(bytes: Uint8Array, done: () => void): void;
  /** Sends `head` and then `body` in one go, as `write` sends one; without it they are two writes. */
  writePair?(head: Uint8Array, body: Uint8Array, done: () => void): void;
  /** Stops `receive`, except for a chunk that is already on its way. */
  pause(): void;
  resume(): void;
  /** Sends what was written, then closes. */
  end(): void;
  /** Closes now; what was written and not sent is lost. `closed` gets `error`. */
  destroy(error: ConnectionError): void;
}
