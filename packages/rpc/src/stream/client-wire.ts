import { ErrorCode, ErrorDomain } from "../protocol/error-code.ts";
import { VirNetMessageError, VirNetStreamHole } from "../protocol/gen/net.ts";
import { type MessageHeader, MessageStatus, MessageType } from "../protocol/message.ts";
import { errorFromWire, RpcError } from "../protocol/rpc-error.ts";
import { deferred } from "../util/deferred.ts";
import { decodeXdr, XdrVoid } from "../xdr/type.ts";
import type { StreamCore } from "./stream-core.ts";
import type { ControlPort, StreamWire } from "./stream-wire.ts";

export interface ClientWireParts {
  readonly core: StreamCore;
  readonly port: ControlPort;
  readonly isSparse: boolean;
  /** No packet of this stream matters any more. */
  readonly forget: () => void;
}

/**
 * The side that called (libvirt-rpc §1.6). It finishes with OK and aborts with an empty ERROR; the server confirms both
 * with OK, or ends the stream with an error of its own.
 */
export class ClientWire implements StreamWire {
  readonly core: StreamCore;
  readonly isSparse: boolean;
  readonly finishesAtEnd = true;
  readonly #port: ControlPort;
  readonly #forget: () => void;
  readonly #forgotten = deferred<void>();
  /** Has the server accepted the opening call? Packets before that would be dropped. */
  #isOpen = false;
  #isForgotten = false;
  #finishing = false;

  constructor({ core, port, isSparse, forget }: ClientWireParts) {
    this.core = core;
    this.isSparse = isSparse;
    this.#port = port;
    this.#forget = forget;
  }

  begin(): void {}

  /** The server has accepted the call; one that was given up meanwhile is aborted now. */
  opened(): void {
    this.#isOpen = true;
    if (this.core.isClosed) this.#sendAbort();
  }

  /** The server has refused the call, or it was never sent. */
  refused(error: unknown): void {
    this.core.close(error);
    this.#leave();
  }

  finish(): Promise<void> {
    const { core } = this;
    if (core.isClosed || this.#finishing) return core.done;
    this.#finishing = true;
    core.dropInbound();
    core.awaitConfirmation();
    core.sendMark(MessageStatus.OK).catch(alreadyTold);
    return core.done;
  }

  abort(reason: unknown): Promise<void> {
    const wasOpen = !this.core.isClosed;
    this.core.close(reason);
    if (wasOpen && this.#isOpen) this.#sendAbort();
    return this.#forgotten.promise;
  }

  /** The end of the data may have come, and only the confirmation be missing. */
  leave(): void {
    if (this.core.isClosed) return;
    if (this.core.isReadOut) this.finish().catch(alreadyTold);
    else void this.abort(streamError("the reader left the stream"));
  }

  take(header: MessageHeader, bytes: Uint8Array, start: number, end: number): void {
    if (header.type === MessageType.STREAM_HOLE) return this.#takeHole(bytes, start, end);
    switch (header.status) {
      case MessageStatus.CONTINUE:
        return start === end ? this.core.endInbound() : this.core.data(bytes, start, end);
      case MessageStatus.OK:
        this.core.close();
        return this.#leave();
      case MessageStatus.ERROR:
        return this.takeError(bytes, start, end);
      default:
        void this.abort(streamError(`stream packet of status ${header.status}, expected 0 to 2`));
    }
  }

  /** The server has ended the stream: with an error packet, or with the reply by which libvirtd refuses a bad hole. */
  takeError(bytes: Uint8Array, start: number, end: number): void {
    this.core.close(errorOf(bytes, start, end));
    this.#leave();
  }

  lost(error: unknown): void {
    this.core.close(error);
    this.#leave();
  }

  #takeHole(bytes: Uint8Array, start: number, end: number): void {
    if (this.core.isClosed) return;
    const length = this.isSparse ? holeLength(bytes, start, end) : undefined;
    if (length !== undefined) this.core.hole(length);
    else void this.abort(streamError(this.isSparse ? "a hole that can't be one" : "a hole in a stream that has none"));
  }

  #sendAbort(): void {
    if (this.#isForgotten) return;
    const { id } = this.core;
    this.#port.send({ ...id, type: MessageType.STREAM, status: MessageStatus.ERROR }, XdrVoid, undefined, "abort");
  }

  #leave(): void {
    if (this.#isForgotten) return;
    this.#isForgotten = true;
    this.#forget();
    this.#forgotten.resolve();
  }
}

/** The length in a hole's packet; `undefined` for one that is no hole: negative, with flags, or cut off. */
export function holeLength(bytes: Uint8Array, start: number, end: number): bigint | undefined {
  if (end - start < 12) return undefined;
  const { length, flags } = decodeXdr(VirNetStreamHole, bytes, "hole", start, end);
  return length >= 0n && flags === 0 ? length : undefined;
}

export function streamError(message: string, code: number = ErrorCode.RPC): RpcError {
  return new RpcError(message, { code, domain: ErrorDomain.STREAMS });
}

function errorOf(bytes: Uint8Array, start: number, end: number): RpcError {
  if (start === end) return streamError("the server aborted the stream");
  try {
    return errorFromWire(decodeXdr(VirNetMessageError, bytes, "error", start, end));
  } catch (cause) {
    return new RpcError("the server ended the stream with an error that can't be read", {}, { cause });
  }
}

/** Whoever waits for the end of the stream hears of it. */
function alreadyTold(): void {}
