import { ErrorCode } from "../protocol/error-code.ts";
import { VirNetMessageError } from "../protocol/gen/net.ts";
import { type MessageHeader, MessageStatus, MessageType } from "../protocol/message.ts";
import { errorToWire, RpcError } from "../protocol/rpc-error.ts";
import { ConnectionError } from "../util/connection-error.ts";
import { XdrVoid } from "../xdr/type.ts";
import { holeLength, streamError } from "./client-wire.ts";
import type { StreamCore } from "./stream-core.ts";
import type { ControlPort, StreamWire } from "./stream-wire.ts";

export interface ServerWireParts {
  readonly core: StreamCore;
  readonly port: ControlPort;
  /** Sends the good reply if that has not been done; throws when it can't. */
  readonly accept: () => void;
  readonly forget: () => void;
}

/**
 * The side that was called (libvirt-rpc §1.6). The end of its data is an empty CONTINUE; it confirms the client's finish
 * and abort with OK, and ends a stream that fails with an ERROR that says why.
 */
export class ServerWire implements StreamWire {
  readonly core: StreamCore;
  readonly finishesAtEnd = false;
  readonly #port: ControlPort;
  readonly #accept: () => void;
  readonly #forget: () => void;
  #sparse: boolean | undefined;
  #hadHole = false;
  #isForgotten = false;
  #finishing = false;
  #peerFinished = false;
  #left = false;

  constructor({ core, port, accept, forget }: ServerWireParts) {
    this.core = core;
    this.#port = port;
    this.#accept = accept;
    this.#forget = forget;
  }

  get isSparse(): boolean {
    return this.#sparse === true;
  }

  begin(): void {
    this.#accept();
  }

  /** The call has been accepted. Throws {@link ConnectionError} if holes came that may not be. */
  accepted(sparse: boolean): void {
    this.#sparse = sparse;
    if (this.#hadHole && !sparse) throw forbiddenHole();
  }

  /** The call was refused, by an error that went out as its reply. */
  refused(): void {
    this.core.close(streamError("the call was refused", ErrorCode.OPERATION_FAILED));
    this.#leave();
  }

  /** The handler has returned: that finishes the stream, unless it left data unread that was still to come. */
  returned(): void {
    if (this.#left && !this.#finishing) void this.abort(streamError("the server left the stream"));
    else this.finish().catch(alreadyTold);
  }

  finish(): Promise<void> {
    const { core } = this;
    if (core.isClosed || this.#finishing) return core.done;
    this.#finishing = true;
    core.dropInbound();
    if (this.#peerFinished) this.#confirm();
    else core.sendMark(MessageStatus.CONTINUE).catch(alreadyTold);
    return core.done;
  }

  abort(reason: unknown): Promise<void> {
    if (this.core.isClosed) return Promise.resolve();
    this.core.close(reason);
    if (this.#sparse === undefined) return Promise.resolve(); // the reply will say it
    const error = reason instanceof RpcError ? reason : streamError("the server aborted the stream");
    this.#send(MessageStatus.ERROR, error);
    this.#leave();
    return Promise.resolve();
  }

  /** How the handler ends says whether that is a failure, and which. */
  leave(): void {
    if (this.core.isClosed || this.core.isReadOut) return;
    this.#left = true;
    this.core.dropInbound();
  }

  take(header: MessageHeader, bytes: Uint8Array, start: number, end: number): void {
    if (header.type === MessageType.STREAM_HOLE) return this.#takeHole(bytes, start, end);
    switch (header.status) {
      case MessageStatus.CONTINUE:
        return this.core.data(bytes, start, end);
      case MessageStatus.OK:
        return this.#takeFinish();
      case MessageStatus.ERROR:
        return this.#takeAbort();
      default:
        void this.abort(streamError(`stream had unexpected status ${header.status}`));
    }
  }

  lost(error: unknown): void {
    this.core.close(error);
    this.#leave();
  }

  /** The client wants neither to send nor to receive more (libvirt-rpc §2.15). */
  #takeFinish(): void {
    if (this.#peerFinished) return;
    this.#peerFinished = true;
    this.core.endInbound();
    this.core.dropOutbound();
    if (this.#finishing) this.#confirm();
  }

  #takeAbort(): void {
    this.#send(MessageStatus.OK, undefined);
    this.core.close(streamError("the client aborted the stream", ErrorCode.OPERATION_FAILED));
    this.#leave();
  }

  /** A hole where none may be costs the connection, as with libvirtd; one that can't be one costs the stream. */
  #takeHole(bytes: Uint8Array, start: number, end: number): void {
    if (this.#sparse === false) throw forbiddenHole();
    this.#hadHole = true;
    const length = holeLength(bytes, start, end);
    if (length === undefined) void this.abort(streamError("a hole that can't be one", ErrorCode.INVALID_ARG));
    else this.core.hole(length);
  }

  #confirm(): void {
    this.#send(MessageStatus.OK, undefined);
    this.core.close();
    this.#leave();
  }

  #send(status: number, error: RpcError | undefined): void {
    const header = { ...this.core.id, type: MessageType.STREAM, status };
    if (error === undefined) this.#port.send(header, XdrVoid, undefined, "confirmation");
    else this.#sendError(header, error);
  }

  /** One that can't be sent, as it is too long, is told of in few words: a handler may throw what it likes. */
  #sendError(header: MessageHeader, error: RpcError): void {
    try {
      this.#port.send(header, VirNetMessageError, errorToWire(error), "error");
    } catch {
      const short = streamError("the server failed, with an error that can't be sent");
      this.#port.send(header, VirNetMessageError, errorToWire(short), "error");
    }
  }

  #leave(): void {
    if (this.#isForgotten) return;
    this.#isForgotten = true;
    this.#forget();
  }
}

function forbiddenHole(): ConnectionError {
  return new ConnectionError("a hole in a stream that may have none", "protocol");
}

/** Whoever waits for the end of the stream hears of it. */
function alreadyTold(): void {}
