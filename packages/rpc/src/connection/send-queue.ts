import type { ProtocolLimits } from "../protocol/limits.ts";
import { beginFrame, endFrame, HEADER_BYTES, type MessageHeader } from "../protocol/message.ts";
import { nothing } from "../util/nothing.ts";
import { encodeInto, type XdrType } from "../xdr/type.ts";
import { writeWord } from "../xdr/words.ts";
import type { XdrWriter } from "../xdr/writer.ts";
import type { SlabPool } from "./slab-pool.ts";

/** Sends `bytes` as they are and calls `done` once they are no longer needed. */
export type WriteBytes = (bytes: Uint8Array, done: () => void) => void;

/** Where frames leave: a transport, or what wraps them for one. */
export interface Outlet {
  readonly write: WriteBytes;
  /** Sends two pieces in one go, one right after the other, as `write` sends one; without it they are two writes. */
  writePair?(head: Uint8Array, body: Uint8Array, done: () => void): void;
}

/** Payloads from this size on leave from where they are, uncopied. */
export const BESIDE_BYTES = 16_384;

/** With so many messages in one turn the first leave at once: the peer works on them while the rest is encoded. */
const FIRST_PART = 16;
/** Encrypted, each part is a record, and comes, and is answered, by itself: shorter ones cost more than they gain. */
export const FIRST_ENCRYPTED_PART = 64;

/** With so much on its way that the peer has not taken, messages gather to as much again: a write takes memory besides its bytes. */
const STUCK_BYTES = 65_536;
/** What that is, about. */
const WRITE_BYTES = 256;

/**
 * Frames on their way out. Each is encoded straight into the slab of this turn of the event loop, and the slab leaves
 * in one write at the turn's end, unless the peer is stuck: then it gathers what other turns add. The beginning of a long
 * burst leaves earlier, so that both ends work at the same time; as each part is twice as long as the one before, a burst
 * still costs few system calls.
 */
export class SendQueue {
  #outlet: Outlet;
  readonly #slabs: SlabPool;
  readonly #limits: ProtocolLimits;
  readonly #firstPart: number;
  #slab: XdrWriter | undefined;
  /** The one message so far, uncopied: it may be others' as well. */
  #shared: Uint8Array | undefined;
  /** Messages in the slab. */
  #frames = 0;
  /** With so many the slab leaves before the turn ends. */
  #part: number;
  /** There will be a look at the end of this turn. */
  #scheduled = false;
  /** To be called once the slab has been sent. */
  #copied: (() => void)[] | undefined;
  #inFlight = 0;
  #departed = 0;
  #flushed = 0;
  #closed = false;
  #drained: (() => void)[] | undefined;

  constructor(
    outlet: Outlet,
    slabs: SlabPool,
    limits: ProtocolLimits,
    /** 1 for a write per message. */
    firstPart: number = FIRST_PART,
  ) {
    this.#firstPart = firstPart;
    this.#part = firstPart;
    this.#outlet = outlet;
    this.#slabs = slabs;
    this.#limits = limits;
  }

  /** Bytes encoded or written that the transport still holds; where each message is a write, with what that takes. */
  get queuedBytes(): number {
    return this.#inFlight + this.#waiting();
  }

  /** How many writes the transport has done with: it changes when something has left. */
  get departed(): number {
    return this.#departed;
  }

  /** Bytes given to the transport since the beginning. */
  get flushed(): number {
    return this.#flushed;
  }

  /** Where in all that was ever queued the last message ends; beyond every place once nothing leaves any more. */
  get position(): number {
    return this.#closed ? Number.POSITIVE_INFINITY : this.#flushed + this.#waiting();
  }

  /**
   * Queues one message. `name` is what an error calls the payload. Throws `TypeError`, `RangeError` or `XdrError` for a
   * value that can't be sent; nothing of it is queued then. After `close` it does nothing.
   */
  push<T>(header: MessageHeader, type: XdrType<T>, value: T, name: string): void {
    if (this.#closed) return;
    const slab = this.#open();
    const start = slab.position;
    slab.bound(this.#limits.frame);
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

  /**
   * Queues a whole message, which must never change. While it is the only one of its turn, and the peer takes what it is
   * sent, it leaves uncopied, so one that goes to thousands costs no memory for each. Throws as `pushRaw` does.
   */
  pushFrame(frame: Uint8Array): void {
    if (this.#closed) return;
    const { length } = frame;
    if (length > this.#limits.frame) throw new RangeError(`frame of ${length} bytes exceeds ${this.#limits.frame}`);
    if (this.#firstPart === 1) {
      this.flush();
      this.#flushShared(frame, WRITE_BYTES);
      return;
    }
    if (this.#waiting() === 0 && !this.#isStuck()) {
      this.#shared = frame;
      this.#schedule();
      return;
    }
    const slab = this.#open();
    slab.bound(length);
    slab.raw(frame);
    if (++this.#frames === this.#part) this.#flushPart();
  }

  /** Does somebody wait until everything has left? */
  get isDraining(): boolean {
    return this.#drained !== undefined;
  }

  /**
   * Queues a message whose payload is `payload` as it is. A large one is not copied and must not change until `sent` is
   * called; a small one is copied at once. Throws `RangeError` for one beyond the limit. After `close` it does
   * nothing, and `sent` is not called.
   */
  pushRaw(header: MessageHeader, payload: Uint8Array, sent: () => void): void {
    if (this.#closed) return;
    const length = HEADER_BYTES + payload.length;
    if (length > this.#limits.frame) throw new RangeError(`frame of ${length} bytes exceeds ${this.#limits.frame}`);
    if (payload.length < BESIDE_BYTES) {
      const slab = this.#open();
      slab.bound(length);
      const start = beginFrame(slab, header);
      slab.raw(payload);
      endFrame(slab, start);
      (this.#copied ??= []).push(sent);
      if (this.#firstPart === 1) this.flush();
      return;
    }
    // A slab that leaves at once needs nobody to flush it.
    const slab = this.#waiting() > 0 ? this.#open() : (this.#slab ?? this.#slabs.take());
    slab.bound(length);
    // The slab may have other bytes once the header is in it.
    const start = beginFrame(slab, header);
    writeWord(slab.bytes, start, length);
    this.#flushWith(slab, payload, sent);
  }

  /**
   * Queues a message that begins with the number of the descriptors behind it, and hands it to `write` at once. Throws as
   * `push` does. After `close` it does nothing, and `write` is not called.
   */
  pushCounted<T>(
    header: MessageHeader,
    count: number,
    type: XdrType<T>,
    value: T,
    name: string,
    write: WriteBytes,
  ): void {
    if (this.#closed) return;
    this.flush();
    const slab = this.#slabs.take();
    slab.bound(this.#limits.frame);
    try {
      const start = beginFrame(slab, header);
      slab.uint(count);
      encodeInto(slab, type, value, name);
      endFrame(slab, start);
    } catch (error) {
      this.#slabs.give(slab);
      throw error;
    }
    const weight = this.#depart(slab.position);
    write(slab.written(), () => this.#sent(slab, weight));
  }

  /** Hands what is queued to the transport now instead of at the end of the turn. */
  flush(): void {
    if (this.#shared !== undefined) this.#flushShared(this.#shared);
    const slab = this.#slab;
    if (slab === undefined) return;
    this.#slab = undefined;
    this.#frames = 0;
    if (slab.position === 0 || this.#closed) {
      this.#slabs.give(slab);
      return;
    }
    if (this.#firstPart === 1) {
      this.#flushAlone(slab);
      return;
    }
    const weight = this.#depart(slab.position);
    const copied = this.#takeCopied();
    this.#outlet.write(slab.written(), () => {
      this.#sent(slab, weight);
      for (const sent of copied) sent();
    });
  }

  /** One message may wait behind many others: it takes its own bytes along, and leaves the slab, which is mostly empty. */
  #flushAlone(slab: XdrWriter): void {
    const bytes = slab.written().slice();
    this.#slabs.give(slab);
    const weight = this.#depart(bytes.length, WRITE_BYTES);
    const copied = this.#takeCopied();
    this.#outlet.write(bytes, () => {
      this.#left(weight);
      for (const sent of copied) sent();
    });
  }

  /** What is queued leaves as before, and all that comes after it through `outlet`. */
  switchTo(outlet: Outlet): void {
    this.flush();
    this.#outlet = outlet;
  }

  /** Hands over the slab, and `payload` right behind it. */
  #flushWith(slab: XdrWriter, payload: Uint8Array, sent: () => void): void {
    this.#slab = undefined;
    this.#frames = 0;
    const weight = this.#depart(slab.position + payload.length);
    const copied = this.#takeCopied();
    this.#writePair(slab.written(), payload, () => {
      this.#sent(slab, weight);
      for (const before of copied) before();
      sent();
    });
  }

  #writePair(head: Uint8Array, body: Uint8Array, done: () => void): void {
    const outlet = this.#outlet;
    if (outlet.writePair !== undefined) {
      outlet.writePair(head, body, done);
      return;
    }
    outlet.write(head, nothing);
    outlet.write(body, done);
  }

  #takeCopied(): readonly (() => void)[] {
    const copied = this.#copied ?? none;
    this.#copied = undefined;
    return copied;
  }

  /** Calls `then` once the transport holds nothing of ours any more: at once if so. */
  whenDrained(then: () => void): void {
    this.flush();
    if (this.#inFlight === 0) then();
    else (this.#drained ??= []).push(then);
  }

  /** Nothing more will leave. */
  close(): void {
    this.#closed = true;
    this.#settleDrained();
  }

  #open(): XdrWriter {
    this.#schedule();
    if (this.#slab === undefined) {
      this.#slab = this.#slabs.take();
      if (this.#shared !== undefined) this.#copyShared(this.#slab, this.#shared);
    }
    return this.#slab;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => this.#flushLast());
  }

  #copyShared(slab: XdrWriter, shared: Uint8Array): void {
    this.#shared = undefined;
    slab.bound(shared.length);
    slab.raw(shared);
    this.#frames++;
  }

  /** Queued, and not written yet. */
  #waiting(): number {
    return (this.#slab?.position ?? 0) + (this.#shared?.length ?? 0);
  }

  #flushShared(frame: Uint8Array, extra = 0): void {
    this.#shared = undefined;
    if (this.#closed) return;
    const weight = this.#depart(frame.length, extra);
    this.#outlet.write(frame, () => this.#left(weight));
  }

  #flushPart(): void {
    if (this.#firstPart > 1) this.#part *= 2;
    this.#flushUnlessStuck();
  }

  #flushLast(): void {
    this.#scheduled = false;
    this.#part = this.#firstPart;
    this.#flushUnlessStuck();
  }

  #flushUnlessStuck(): void {
    if (!this.#isStuck() || this.#waiting() >= STUCK_BYTES || this.#firstPart === 1) this.flush();
  }

  #isStuck(): boolean {
    return this.#inFlight >= STUCK_BYTES;
  }

  /** So many bytes go to the outlet, which take `extra` besides; returns what they weigh in all, for `#left`. */
  #depart(size: number, extra = 0): number {
    this.#inFlight += size + extra;
    this.#flushed += size;
    return size + extra;
  }

  #sent(slab: XdrWriter, weight: number): void {
    this.#slabs.give(slab);
    this.#left(weight);
  }

  #left(weight: number): void {
    this.#inFlight -= weight;
    this.#departed++;
    if (!this.#scheduled && !this.#isStuck()) this.flush();
    if (this.queuedBytes === 0) this.#settleDrained();
  }

  #settleDrained(): void {
    const waiting = this.#drained ?? none;
    this.#drained = undefined;
    for (const then of waiting) then();
  }
}

const none: readonly (() => void)[] = [];
