import { type Deferred, deferred } from "./deferred.ts";

/** What the queue does with an item it has no room for. */
export type OverflowPolicy = "error" | "dropOldest";

export interface AsyncQueueOptions {
  /** Items kept for a reader who is late; at least 1. */
  readonly limit: number;
  readonly overflow: OverflowPolicy;
  /** Called once, when the reader leaves or the queue ends. */
  readonly onEnd: () => void;
}

/**
 * A bounded queue with one asynchronous reader. It holds items from its birth, not from the first `next()`. Leaving
 * the loop ends it; an error ends it after the items before the error have been read.
 */
export class AsyncQueue<T> implements AsyncIterableIterator<T> {
  readonly #options: AsyncQueueOptions;
  readonly #items: T[] = [];
  readonly #readers: Deferred<IteratorResult<T, undefined>>[] = [];
  #ended = false;
  #error: unknown;
  #dropped = 0;

  constructor(options: AsyncQueueOptions) {
    if (!(options.limit >= 1)) throw new RangeError(`queue limit is ${options.limit}, expected at least 1`);
    this.#options = options;
  }

  /** How many items `dropOldest` has thrown away so far. */
  get dropped(): number {
    return this.#dropped;
  }

  push(item: T): void {
    if (this.#ended) return;
    const reader = this.#readers.shift();
    if (reader !== undefined) reader.resolve({ value: item, done: false });
    else if (this.#items.length < this.#options.limit) this.#items.push(item);
    else this.#overflow(item);
  }

  /** No more items: the reader gets those that are there, then `error`, if one is given, or the end. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#options.onEnd();
    for (const reader of this.#readers.splice(0)) this.#finish(reader);
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const reader = deferred<IteratorResult<T, undefined>>();
    // An item may be undefined itself: an event without payload is.
    if (this.#items.length > 0) reader.resolve({ value: this.#items.shift() as T, done: false });
    else if (this.#ended) this.#finish(reader);
    else this.#readers.push(reader);
    return reader.promise;
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#items.length = 0;
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

  #overflow(item: T): void {
    if (this.#options.overflow === "error") {
      this.end(new RangeError(`the reader is ${this.#options.limit} items behind`));
      return;
    }
    this.#items.shift();
    this.#items.push(item);
    this.#dropped++;
  }

  /** The first reader after the end learns of the error, those after it of the end only. */
  #finish(reader: Deferred<IteratorResult<T, undefined>>): void {
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) reader.resolve({ value: undefined, done: true });
    else reader.reject(error);
  }
}
