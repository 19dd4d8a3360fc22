import type { Security } from "../tls/security.ts";
import type { ConnectionError } from "../util/connection-error.ts";
import type { Endpoint } from "./address.ts";
import type { UnixIdentity } from "./unix-native.ts";

/** A value that only the two ends of this very connection know, for SASL; `null` where there is none. */
export type ChannelBinding = (type: "tls-exporter" | "tls-unique") => Uint8Array | null;

/** What a transport calls. Plain calls, never promises: this is the hot path. */
export interface TransportEvents {
  /** Bytes from the peer. They are only lent: the buffer is used again once this returns. */
  receive(chunk: Uint8Array): void;
  /** How many bytes may be taken next at the most, so that none is read past a message. For transports with `descriptors`. */
  wanted?(): number;
  /** The peer sends no more; it may still read. */
  ended(): void;
  /** Once, and last: reason `eof` when the peer closed, `closed` when we did, `error` otherwise. */
  closed(error: ConnectionError): void;
}

/**
 * Passes descriptors beside the bytes. A descriptor that is received belongs to who gets it; one that is written belongs to
 * the transport, which closes it.
 */
export interface DescriptorChannel {
  /** Another descriptor for the same thing. Throws the system's error. */
  copy(descriptor: number): number;
  close(descriptor: number): void;
  /** Sends `bytes`, and right behind them each of `copies`. */
  writeWith(bytes: Uint8Array, copies: readonly number[], done: () => void): void;
  /**
   * Takes the `count` descriptors that stand behind what has been received, and gives them to `done`, at once or later;
   * meanwhile no bytes come. When they don't come the connection ends.
   */
  receive(count: number, done: (descriptors: number[]) => void): void;
}

/** A byte stream in both directions, whatever carries it. */
export interface Transport {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Each write should be one whole message, as the peer may be slow to see more; absent: as one likes. */
  readonly takesOneMessage?: boolean;
  /** How the bytes are protected; `null` or absent: not at all. */
  readonly security?: Security | null;
  /** Who is at the other end of a UNIX socket; `null` or absent: not known. */
  readonly identity?: UnixIdentity | null;
  /** Absent where descriptors can't be passed. */
  readonly descriptors?: DescriptorChannel;
  /** Absent where there is no TLS. */
  readonly channelBinding?: ChannelBinding;
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
