import type { Descriptors } from "../connection/descriptors.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { MAX_DESCRIPTORS } from "../protocol/limits.ts";
import { RpcError } from "../protocol/rpc-error.ts";

/** The descriptors of one call: those that came with it, and those that leave with its reply. */
export interface CallDescriptors {
  /** Those that came and have not been taken. What nobody takes is closed once the call is answered or its client gone. */
  readonly size: number;
  /** The next one that came, which is the handler's to close from here on. Throws `RpcError` when there is none. */
  take(): number;
  /** All that are left, which are the handler's to close from here on. */
  takeAll(): number[];
  /**
   * Sends a copy of `descriptor` with the good reply; the descriptor itself stays the handler's, and may be closed at once.
   * Throws `RpcError` where this client can't be passed any, and `RangeError` beyond 32.
   */
  attach(descriptor: number): void;
}

/** Of a call over a connection that can't pass any. */
export const noDescriptors: CallDescriptors = Object.freeze({
  size: 0,
  take: () => {
    throw noneCame();
  },
  takeAll: () => [],
  attach: () => {
    const detail = { code: ErrorCode.OPERATION_INVALID };
    throw new RpcError(
      "descriptors can't be passed over this connection, only over UNIX sockets that allow it",
      detail,
    );
  },
});

/** Of a call over a connection that can pass some. */
export class PassedDescriptors implements CallDescriptors {
  readonly #received: Descriptors | undefined;
  readonly #copy: (descriptor: number) => number;
  readonly #close: (copy: number) => void;
  #attached: number[] = [];
  #closed = false;

  constructor(
    received: Descriptors | undefined,
    port: { copy(descriptor: number): number; closeCopy(copy: number): void },
  ) {
    this.#received = received;
    this.#copy = (descriptor) => port.copy(descriptor);
    this.#close = (copy) => port.closeCopy(copy);
  }

  get size(): number {
    return this.#received?.size ?? 0;
  }

  take(): number {
    if (this.size === 0 || this.#received === undefined) throw noneCame();
    return this.#received.take();
  }

  takeAll(): number[] {
    return this.#received?.takeAll() ?? [];
  }

  /** A call that has been answered, or whose client has gone, passes nothing any more. */
  attach(descriptor: number): void {
    if (this.#closed) return;
    if (this.#attached.length === MAX_DESCRIPTORS)
      throw new RangeError(`a reply has at most ${MAX_DESCRIPTORS} descriptors`);
    this.#attached.push(this.#copy(descriptor));
  }

  /** Copies for the reply. They are closed with the rest until they are `sent`. */
  get attached(): readonly number[] {
    return this.#attached;
  }

  /** The reply has taken the copies over. */
  sent(): void {
    this.#attached = [];
  }

  close(): void {
    this.#closed = true;
    this.#received?.close();
    for (const copy of this.#attached.splice(0)) this.#close(copy);
  }
}

function noneCame(): RpcError {
  return new RpcError("the call came without the descriptor it needs", { code: ErrorCode.INVALID_ARG });
}
