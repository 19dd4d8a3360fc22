/** `items`, each made something else. */
export function mapped<T, U>(
  items: AsyncIterableIterator<T, undefined>,
  map: (item: T) => U,
): AsyncIterableIterator<U, undefined> {
  return {
    async next() {
      const { value, done } = await items.next();
      return done === true ? { value: undefined, done } : { value: map(value), done: false };
    },
    async return() {
      await items.return?.();
      return { value: undefined, done: true };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** The one thing that a promise gives; none when it rejects. */
export async function* once<T>(promise: Promise<T>): AsyncGenerator<T, undefined> {
  try {
    yield await promise;
  } catch {}
  return undefined;
}

/** What a source of a {@link Merged} gives, and what its end is told as. */
export interface Source<T> {
  readonly items: AsyncIterableIterator<T, undefined>;
  /** The last item in its stead, or none; `error` is what it ended with, `undefined` for an orderly end. */
  readonly ended: (error: unknown) => T | undefined;
}

interface Ready<T> {
  readonly item: T;
  /** Has the source go on. */
  readonly taken: () => void;
}

interface Reader<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Many iterations as one. It takes one item of each source ahead, so what a late reader leaves waits in the sources, under
 * their own limits. Leaving the loop leaves them all.
 */
export class Merged<T> implements AsyncIterableIterator<T, undefined>, AsyncDisposable {
  readonly #sources = new Set<Source<T>>();
  readonly #ready: Ready<T>[] = [];
  readonly #readers: Reader<T>[] = [];
  readonly #left: () => void;
  #error: unknown;
  #ended = false;
  #finishing = false;

  /** `left` is called once, at the end. */
  constructor(left: () => void) {
    this.#left = left;
  }

  /** One that comes after the end is left at once. */
  add(source: Source<T>): void {
    if (this.#ended) {
      void source.items.return?.();
      return;
    }
    this.#sources.add(source);
    void this.#pass(source);
  }

  /** No more items: the reader gets those that are ready, then `error`, if one is given, or the end. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    for (const source of this.#sources) void source.items.return?.();
    for (const reader of this.#readers.splice(0)) this.#finish(reader);
    this.#left();
  }

  /** There will be no more sources: it ends with the last of those that there are. */
  finish(): void {
    this.#finishing = true;
    if (this.#sources.size === 0) this.end();
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      const ready = this.#ready.shift();
      if (ready !== undefined) {
        resolve({ value: ready.item, done: false });
        ready.taken();
      } else if (this.#ended) this.#finish({ resolve, reject });
      else this.#readers.push({ resolve, reject });
    });
  }

  /** Resolves when all sources have been left. */
  async return(): Promise<IteratorResult<T, undefined>> {
    const sources = [...this.#sources];
    this.end();
    this.#error = undefined;
    for (const { taken } of this.#ready.splice(0)) taken();
    await Promise.all(sources.map(async ({ items }) => items.return?.()));
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #pass(source: Source<T>): Promise<void> {
    let last: T | undefined;
    try {
      for await (const item of source.items) await this.#hand(item);
      last = source.ended(undefined);
    } catch (error) {
      last = source.ended(error);
    }
    if (last !== undefined) await this.#hand(last);
    this.#sources.delete(source);
    if (this.#finishing) this.finish();
  }

  /** Resolves when the reader has the item, or will have none any more. */
  #hand(item: T): Promise<void> {
    return new Promise((taken) => {
      const reader = this.#readers.shift();
      if (reader === undefined && !this.#ended) {
        this.#ready.push({ item, taken });
        return;
      }
      reader?.resolve({ value: item, done: false });
      taken();
    });
  }

  /** The first reader after the end learns of the error, those after it of the end only. */
  #finish({ resolve, reject }: Reader<T>): void {
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) resolve({ value: undefined, done: true });
    else reject(error);
  }
}
