import type { ProtocolLimits } from "../protocol/limits.ts";
import { beginFrame, endFrame, type MessageHeader } from "../protocol/message.ts";
import { encodeInto, type XdrType } from "../xdr/type.ts";
import type { XdrWriter } from "../xdr/writer.ts";
import type { SlabPool } from "./slab-pool.ts";

/** Sends `bytes` as they are and calls `done` once they are no longer needed. */
export type WriteBytes = (bytes: Uint8Array, done: () => void) => void;

/** With so many messages in one turn the first leave at once: the peer works on them while the rest is encoded. */
const FIRST_PART = 16;

/**
 * Frames on their way out. Each is encoded straight into the slab of this turn of the event loop, and the slab leaves
 * in one write at the turn's end. The beginning of a long burst leaves earlier, so that both ends work at the same time;
 * as each part is twice as long as the one before, a burst still costs few system calls.
 */
export class SendQueue {
  readonly #write: WriteBytes;
  readonly #slabs: SlabPool;
  readonly #limits: ProtocolLimits;
  #slab: XdrWriter | undefined;
  /** Messages in the slab. */
  #frames = 0;
  /** With so many the slab leaves before the turn ends. */
  #part = FIRST_PART;
  #inFlight = 0;
  #closed = false;
  #drained: (() => void)[] = [];

  constructor(write: WriteBytes, slabs: SlabPool, limits: ProtocolLimits) {
    this.#write = write;
    this.#slabs = slabs;
    this.#limits = limits;
  }

  /** Bytes encoded or written that the transport still holds. */
  get queuedBytes(): number {
    return this.#inFlight + (this.#slab?.position ?? 0);
  }

  /**
   * Queues one message. `name` is what an error calls the payload. Throws `TypeError`, `RangeError` or `XdrError` for a
   * value that can't be sent; nothing of it is queued then. After `close` it does nothing.
   */
  push<T>(header: MessageHeader, type: XdrType<T>, value: T, name: string): void {
    if (this.#closed) return;
    const slab = this.#open();
    const start = slab.position;
    slab.limit = start + this.#limits.frame;
    try {
      beginFrame(slab, header);
      encodeInto(slab, type, value, name);
      endFrame(slab, start);
    } catch (error) {
      slab.position = start;
      throw error;
    }
    if (++this.#frames === this.#part) this.#flushPart();
  }

  /** Hands what is queued to the transport now instead of at the end of the turn. */
  flush(): void {
    const slab = this.#slab;
    if (slab === undefined) return;
    this.#slab = undefined;
    this.#frames = 0;
    const size = slab.position;
    if (size === 0 || this.#closed) {
      this.#slabs.give(slab);
      return;
    }
    this.#inFlight += size;
    this.#write(slab.written(), () => this.#sent(slab, size));
  }

  /** Calls `then` once the transport holds nothing of ours any more: at once if so. */
  whenDrained(then: () => void): void {
    this.flush();
    if (this.#inFlight === 0) then();
    else this.#drained.push(then);
  }

  /** Nothing more will leave. */
  close(): void {
    this.#closed = true;
    this.#settleDrained();
  }

  #open(): XdrWriter {
    if (this.#slab === undefined) {
      this.#slab = this.#slabs.take();
      queueMicrotask(() => this.#flushLast());
    }
    return this.#slab;
  }

  #flushPart(): void {
    this.#part *= 2;
    this.flush();
  }

  #flushLast(): void {
    this.#part = FIRST_PART;
    this.flush();
  }

  #sent(slab: XdrWriter, size: number): void {
    this.#slabs.give(slab);
    this.#inFlight -= size;
    if (this.queuedBytes === 0) this.#settleDrained();
  }

  #settleDrained(): void {
    const waiting = this.#drained;
    if (waiting.length === 0) return;
    this.#drained = [];
    for (const then of waiting) then();
  }
}
