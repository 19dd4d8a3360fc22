/** With so many places free at the front the rest is moved there, if that is no more than they are. */
const SPARE = 1024;

/** First in, first out, at the same cost however many wait: an array's `shift` moves all of a large one. */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #first = 0;

  get size(): number {
    return this.#items.length - this.#first;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** `undefined` when there is none; an item may be `undefined` as well. */
  shift(): T | undefined {
    if (this.size === 0) return undefined;
    const item = this.#items[this.#first];
    this.#items[this.#first++] = undefined;
    if (this.#first >= SPARE && this.#first * 2 >= this.#items.length) this.#compact();
    return item;
  }

  /** The last that came, taken back. */
  pop(): T | undefined {
    return this.size === 0 ? undefined : this.#items.pop();
  }

  clear(): void {
    this.#items = [];
    this.#first = 0;
  }

  #compact(): void {
    this.#items = this.#items.slice(this.#first);
    this.#first = 0;
  }
}
