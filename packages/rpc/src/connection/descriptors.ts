/** Descriptors that came with a message, in their order. Who takes one closes it; what is left in the end is closed here. */
export class Descriptors {
  readonly #numbers: number[];
  readonly #close: (descriptor: number) => void;

  constructor(numbers: readonly number[], close: (descriptor: number) => void) {
    this.#numbers = [...numbers];
    this.#close = close;
  }

  /** Those that have not been taken. */
  get size(): number {
    return this.#numbers.length;
  }

  /** The next one, which is the caller's from here on. Throws `RangeError` when there is none. */
  take(): number {
    const next = this.#numbers.shift();
    if (next === undefined) throw new RangeError("no further descriptor came with the message");
    return next;
  }

  /** All that are left, which are the caller's from here on. */
  takeAll(): number[] {
    return this.#numbers.splice(0);
  }

  /** Closes what nobody has taken. */
  close(): void {
    for (const descriptor of this.takeAll()) this.#close(descriptor);
  }
}
