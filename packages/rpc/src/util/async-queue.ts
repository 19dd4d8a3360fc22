import { type Deferred, deferred } from "./deferred.ts";
import { Fifo } from "./fifo.ts";
import { nothing } from "./nothing.ts";

/** What the queue does with an item it has no room for; with `block` whoever fills it is to stop, see `carry`. */
export type OverflowPolicy = "error" | "dropOldest" | "block";

export interface AsyncQueueOptions<T> {
  /** Items kept for a reader who is late; at least 1. */
  readonly limit: number;
  /** The sum of their sizes; no limit unless given. */
  readonly bytes?: number;
  readonly overflow: OverflowPolicy;
  /** Makes the item that tells the reader how many `dropOldest` has thrown away in its place; without it there is none. */
  readonly lagged?: (lost: number) => T;
  /** Items that `dropOldest` may not lose: the last that gave way comes all the same, behind the count of the lost. */
  readonly spare?: (item: T) => boolean;
  /** Called once, when the reader leaves or the queue ends. */
  readonly onEnd: () => void;
}

/** What an item takes in memory besides what its message has. */
const ITEM_BYTES = 256;
/** With `block`, a queue at its limit weighs as much as a connection may hoard while nobody waits for anything else. */
const BLOCK_BYTES = 1_048_576;

/**
 * A bounded queue with one asynchronous reader. It holds items from its birth, not from the first `next()`. Leaving
 * the loop ends it; an error ends it after the items before the error have been read.
 */
export class AsyncQueue<T> implements AsyncIterableIterator<T, undefined> {
  readonly #options: AsyncQueueOptions<T>;
  readonly #items = new Fifo<T>();
  readonly #sizes = new Fifo<number>();
  readonly #readers: Deferred<IteratorResult<T, undefined>>[] = [];
  #bytes = 0;
  #weight = 0;
  #weigh: (change: number) => void = nothing;
  #ended = false;
  #error: unknown;
  #dropped = 0;
  /** Of those, the ones that the reader has yet to hear of. */
  #lost = 0;
  #spared: { readonly item: T } | undefined;

  constructor(options: AsyncQueueOptions<T>) {
    if (!(options.limit >= 1)) throw new RangeError(`queue limit is ${options.limit}, expected at least 1`);
    this.#options = options;
  }

  /** How many items `dropOldest` has thrown away so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Items that wait for the reader. */
  get size(): number {
    return this.#items.size;
  }

  /** Takes an item that came in `size` bytes. */
  push(item: T, size = 0): void {
    if (this.#ended) return;
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader.resolve({ value: item, done: false });
      return;
    }
    this.#items.push(item);
    this.#sizes.push(size);
    this.#bytes += size;
    if (this.#options.overflow === "block") this.#carryMore(this.#weightOf(size));
    else if (this.#isOver()) this.#overflow();
  }

  /**
   * Tells `weigh` from now on by how many bytes what waits in a queue of policy `block` grows and shrinks, beginning with
   * what waits now. It is told that nothing waits any more when the queue ends, and when another takes its place.
   */
  carry(weigh: (change: number) => void): void {
    this.#weigh(-this.#weight);
    this.#weigh = weigh;
    weigh(this.#weight);
  }

  /** No more items: the reader gets those that are there, then `error`, if one is given, or the end. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.carry(nothing);
    this.#options.onEnd();
    for (const reader of this.#readers.splice(0)) this.#finish(reader);
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const reader = deferred<IteratorResult<T, undefined>>();
    if (this.#lost > 0) reader.resolve({ value: this.#takeLagged(), done: false });
    else if (this.#spared !== undefined) reader.resolve({ value: this.#takeSpared(this.#spared), done: false });
    else if (this.#items.size > 0) reader.resolve({ value: this.#take(), done: false });
    else if (this.#ended) this.#finish(reader);
    else this.#readers.push(reader);
    return reader.promise;
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#items.clear();
    this.#sizes.clear();
    this.#lost = 0;
    this.#spared = undefined;
    this.end();
    this.#error = undefined;
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #take(): T {
    const size = this.#sizes.shift() ?? 0;
    this.#bytes -= size;
    if (this.#options.overflow === "block") this.#carryMore(-this.#weightOf(size));
    // An item may be undefined itself: an event without payload is.
    return this.#items.shift() as T;
  }

  #takeLagged(): T {
    const lost = this.#lost;
    this.#lost = 0;
    // Counted only where there is a way to tell.
    return (this.#options.lagged as (lost: number) => T)(lost);
  }

  #takeSpared({ item }: { readonly item: T }): T {
    this.#spared = undefined;
    return item;
  }

  #isOver(): boolean {
    const { limit, bytes = Number.POSITIVE_INFINITY } = this.#options;
    return this.size > limit || (this.#bytes > bytes && this.size > 1);
  }

  #overflow(): void {
    if (this.#options.overflow === "dropOldest") {
      while (this.#isOver()) this.#drop();
      return;
    }
    this.#items.pop();
    this.#sizes.pop();
    this.end(new RangeError(`the reader is ${this.size} items behind`));
  }

  #drop(): void {
    const item = this.#take();
    if (this.#options.spare?.(item) === true) {
      this.#spared = { item };
      return;
    }
    this.#dropped++;
    if (this.#options.lagged !== undefined) this.#lost++;
  }

  #weightOf(size: number): number {
    return Math.max(size + ITEM_BYTES, Math.ceil(BLOCK_BYTES / this.#options.limit));
  }

  #carryMore(change: number): void {
    this.#weight += change;
    this.#weigh(change);
  }

  /** The first reader after the end learns of the error, those after it of the end only. */
  #finish(reader: Deferred<IteratorResult<T, undefined>>): void {
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) reader.resolve({ value: undefined, done: true });
    else reader.reject(error);
  }
}
