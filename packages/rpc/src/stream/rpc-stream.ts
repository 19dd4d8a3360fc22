import { streamError } from "./client-wire.ts";
import { Gatherer } from "./gatherer.ts";
import type { Block } from "./inbound-queue.ts";
import { type Hole, type Part, zerosOf } from "./part.ts";
import type { DirectSink } from "./stream-core.ts";
import type { StreamWire } from "./stream-wire.ts";
import { readableOf, writableOf } from "./web.ts";

/** How `drain` and `consume` take holes; without it they are zeros, in pieces. */
export interface HoleOptions<R> {
  readonly hole?: (hole: Hole) => R;
}

export interface ConsumeOptions extends HoleOptions<Promise<unknown>> {
  /** Gathers data that comes fast: hands over so many bytes at once, or more, but less before a hole and at the end. */
  readonly blocks?: number;
}

/**
 * One stream of data beside the calls, in one direction or both (libvirt-rpc §1.6).
 *
 * A reader that comes to the end of the data finishes the stream on the client, and one that leaves early aborts it. On
 * a server that is up to how the handler ends: a return finishes the stream, unless its reader left early, and an error
 * ends it with what it says. All waits end, with the same error, when the stream ends badly: `RpcError`
 * when the peer says why, `ConnectionError` when the connection is gone, or the reason given to `abort`.
 */
export class RpcStream implements AsyncIterable<Uint8Array>, AsyncDisposable {
  readonly #wire: StreamWire;
  readonly #closed: Promise<unknown>;
  #readable: ReadableStream<Uint8Array> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;

  constructor(wire: StreamWire) {
    this.#wire = wire;
    this.#closed = wire.core.done.then(nothing, (error: unknown) => error);
  }

  /** Resolves, never rejects, when the stream has ended; to the error of a bad end. */
  get closed(): Promise<unknown> {
    return this.#closed;
  }

  /** May holes be sent and received? */
  get isSparse(): boolean {
    return this.#wire.isSparse;
  }

  /**
   * Sends data, in packets of 262120 bytes at most. Resolves when there is room for more; the bytes may be changed from
   * then on, not before. Rejects with `TypeError` after the end.
   */
  async write(bytes: Uint8Array): Promise<void> {
    this.#wire.begin();
    return this.#wire.core.write(bytes);
  }

  /** Sends `length` bytes of zeros as a hole. Rejects with `TypeError` on a stream that is not sparse. */
  async hole(length: number | bigint): Promise<void> {
    this.#wire.begin();
    if (!this.#wire.isSparse) throw new TypeError("the stream was not opened as a sparse one");
    return this.#wire.core.sendHole(BigInt(length));
  }

  /**
   * Ends the stream in order, behind all that was written. Resolves when the peer has confirmed: on the client that
   * means the server has taken everything. What comes meanwhile is dropped: the protocol closes both directions at once.
   */
  async finish(): Promise<void> {
    this.#wire.begin();
    return this.#wire.finish();
  }

  /**
   * Ends the stream now; what was not sent is dropped and all who wait get `reason`. A server's `RpcError` travels to the
   * client. Resolves when the peer has confirmed, or cannot any more. After the end it does nothing.
   */
  async abort(reason: unknown = streamError("the stream was aborted")): Promise<void> {
    if (!this.#wire.core.isClosed) this.#wire.begin();
    return this.#wire.abort(reason);
  }

  /** Data as it comes, each chunk the reader's own; holes are zeros. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const part of this.parts()) {
      if (part instanceof Uint8Array) yield part;
      else yield* zerosOf(part);
    }
  }

  /** Data and holes as they come, each chunk the reader's own. */
  async *parts(): AsyncGenerator<Part, void, undefined> {
    try {
      for (let next = await this.#read(); next !== undefined; next = await this.#read()) {
        yield "hole" in next ? next : bytesOf(next);
      }
      await this.#endOfData();
    } finally {
      this.#wire.leave();
    }
  }

  /**
   * The fast lane for those who are done with the data at once: `take` gets it in place, valid until it returns.
   * Resolves at the end. A callback that throws aborts the stream, and that is what `drain` rejects with.
   */
  async drain(take: (bytes: Uint8Array) => void, options: HoleOptions<void> = {}): Promise<void> {
    const takeHole = options.hole ?? ((given: Hole): void => eachOf(zerosOf(given), take));
    await this.#direct({
      data(bytes) {
        take(bytes); // what else it may give is of no concern
      },
      hole(hole) {
        takeHole(hole);
      },
    });
    await this.#endOfData();
  }

  /**
   * The fast lane for those who need the data a little longer: buffers are used again once the promise that `take`
   * gives has resolved, and the next comes only then. Resolves at the end. A callback that fails aborts the stream.
   */
  async consume(take: (bytes: Uint8Array) => Promise<unknown>, options: ConsumeOptions = {}): Promise<void> {
    const takeHole = options.hole ?? ((given: Hole): Promise<void> => eachInTurn(zerosOf(given), take));
    if (options.blocks !== undefined) {
      const gatherer = new Gatherer(options.blocks, take, takeHole);
      await this.#direct(gatherer);
      await this.#orAbort(() => gatherer.end());
      await this.#endOfData();
      return;
    }
    for (let next = await this.#read(); next !== undefined; next = await this.#read()) {
      const part = next;
      await this.#orAbort(() => ("hole" in part ? takeHole(part) : take(bytesOf(part))));
      if (!("hole" in part)) this.#wire.core.recycle(part);
    }
    await this.#endOfData();
  }

  /** The data as a Web stream, the same object each time. Cancelling it aborts the stream. */
  get readable(): ReadableStream<Uint8Array> {
    return (this.#readable ??= readableOf(this));
  }

  /** What to send as a Web stream, the same object each time. Closing it finishes the stream, aborting it aborts. */
  get writable(): WritableStream<Uint8Array> {
    return (this.#writable ??= writableOf(this));
  }

  /** Finishes a stream whose data has been read to the end, aborts any other that is still open. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { core } = this.#wire;
    if (core.isClosed) return;
    if (core.isReadOut) await this.finish();
    else this.#wire.leave();
  }

  async #read(): Promise<Block | Hole | undefined> {
    this.#wire.begin();
    return this.#wire.core.read();
  }

  async #direct(sink: DirectSink): Promise<void> {
    this.#wire.begin();
    this.#wire.core.refuseSecondReader();
    await this.#orAbort(() => this.#wire.core.direct(sink));
  }

  async #endOfData(): Promise<void> {
    if (this.#wire.finishesAtEnd) await this.#wire.finish();
  }

  async #orAbort(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      void this.#wire.abort(error);
      throw error;
    }
  }
}

function bytesOf({ buffer, start, end }: Block): Uint8Array {
  return buffer.subarray(start, end);
}

function eachOf(pieces: Iterable<Uint8Array>, take: (bytes: Uint8Array) => void): void {
  for (const piece of pieces) take(piece);
}

async function eachInTurn(pieces: Iterable<Uint8Array>, take: (bytes: Uint8Array) => Promise<unknown>): Promise<void> {
  for (const piece of pieces) await take(piece);
}

function nothing(): undefined {
  return undefined;
}
