import type { MessageHeader } from "../protocol/message.ts";
import type { XdrType } from "../xdr/type.ts";
import type { StreamCore } from "./stream-core.ts";

/** What a wire needs of the connection: packets that must not wait behind data. */
export interface ControlPort {
  send<T>(header: MessageHeader, type: XdrType<T>, value: T, name: string): void;
}

/** What differs between the two ends of a stream: which packets mean an end, and who answers them. */
export interface StreamWire {
  readonly core: StreamCore;
  /** May holes come and go (F045)? */
  readonly isSparse: boolean;
  /** Must a reader who has come to the end still confirm it? */
  readonly finishesAtEnd: boolean;
  /** Before the first use of the stream; throws when it may not be used yet. */
  begin(): void;
  /** Ends the stream in order; resolves when the peer has confirmed. */
  finish(): Promise<void>;
  /** Ends it now, and tells the peer; resolves when the peer has confirmed, where it does. */
  abort(reason: unknown): Promise<void>;
  /** A reader has left before the end of the data. */
  leave(): void;
  /** A packet of type STREAM or STREAM_HOLE. */
  take(header: MessageHeader, bytes: Uint8Array, start: number, end: number): void;
  /** The connection is gone. */
  lost(error: unknown): void;
}
