import { ErrorCode, ErrorDomain } from "../protocol/error-code.ts";
import type { MessageHeader } from "../protocol/message.ts";
import { RpcError } from "../protocol/rpc-error.ts";
import { RpcStream } from "../stream/rpc-stream.ts";
import type { ServerWire } from "../stream/server-wire.ts";
import { ConnectionError } from "../util/connection-error.ts";
import type { AcceptOptions, Call, StreamCall } from "./handlers.ts";

/** What a stream call needs of its client. */
export interface StreamClient {
  /** Sends the good reply; throws, sending nothing, when the result can't be sent. */
  reply(ret: unknown): void;
  /** Ends the connection: the client did what costs it that. */
  disconnect(error: ConnectionError): void;
}

/**
 * A call that opens a stream, from its arrival to the stream's end. The good reply goes out when the handler accepts the
 * call: by `accept`, by the first use of a stream whose procedure has no result, or by returning the result. From then
 * on a failure ends the stream instead of answering the call; a return finishes it.
 */
export class StreamAnswer {
  readonly call: StreamCall<unknown>;
  readonly #wire: ServerWire;
  readonly #client: StreamClient;
  readonly #stream: RpcStream;
  #accepted = false;

  constructor(call: Call, wire: ServerWire, client: StreamClient) {
    this.#wire = wire;
    this.#client = client;
    this.#stream = new RpcStream(wire);
    this.call = {
      ...call,
      stream: this.#stream,
      accept: (ret?: unknown, options?: AcceptOptions) => this.#accept(ret, options),
    };
  }

  get isAccepted(): boolean {
    return this.#accepted;
  }

  /** For the wire: the handler uses the stream. Throws `TypeError` where a result has to go first. */
  begin(): void {
    if (!this.#accepted) this.#accept(undefined);
  }

  /** The handler has returned. Throws, nothing being answered, when its result can't be sent. */
  returned(ret: unknown): void {
    if (!this.#accepted) this.#accept(ret);
    this.#wire.returned();
  }

  /** The handler has failed after it had accepted. */
  failed(error: RpcError): void {
    void this.#wire.abort(error);
  }

  /** The call has been answered with an error. */
  refused(): void {
    this.#wire.refused();
  }

  /** Does this failure only repeat how the stream ended? */
  isOwnEnd(error: unknown): boolean {
    return this.call.signal.aborted || (this.#wire.core.isClosed && this.#wire.core.error === error);
  }

  #accept(ret: unknown, { sparse = false }: AcceptOptions = {}): RpcStream {
    if (this.#accepted) throw new TypeError("the call has been accepted already");
    this.#client.reply(ret);
    this.#accepted = true;
    try {
      this.#wire.accepted(sparse);
    } catch (error) {
      if (error instanceof ConnectionError) this.#client.disconnect(error);
    }
    return this.#stream;
  }
}

/** The reason for refusing a call whose stream would have the serial of one that is there. */
export function serialInUse({ serial }: MessageHeader): RpcError {
  const detail = { code: ErrorCode.RPC, domain: ErrorDomain.RPC };
  return new RpcError(`a stream with serial ${serial} is open already`, detail);
}
