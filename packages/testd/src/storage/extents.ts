/** Bytes from `start` to before `end`. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

/** Beyond this many, the smallest gaps are forgotten: a hole more or less is no loss. */
const MOST = 65_536;

/** Where something has been written: sorted, apart from one another, in whole blocks. */
export class Extents {
  readonly #block: number;
  #all: Extent[] = [];

  /** `block` is the size in which a file system keeps holes. */
  constructor(block = 4096) {
    this.#block = block;
  }

  /** Written up to the block's end. */
  get bytes(): number {
    return this.#all.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  add(start: number, end: number): void {
    if (end <= start) return;
    const wide = { start: start - (start % this.#block), end: Math.ceil(end / this.#block) * this.#block };
    const first = this.#firstAt(wide.start);
    let after = first;
    let { start: from, end: to } = wide;
    for (let next = this.#all[after]; next !== undefined && next.start <= to; next = this.#all[++after]) {
      from = Math.min(from, next.start);
      to = Math.max(to, next.end);
    }
    this.#all.splice(first, after - first, { start: from, end: to });
    if (this.#all.length > MOST) this.#all = [{ start: this.#all[0]?.start ?? 0, end: this.#all.at(-1)?.end ?? 0 }];
  }

  /** The pieces of `[start, end)` in order, data and holes in turn. */
  *pieces(start: number, end: number): Generator<Extent & { readonly isData: boolean }> {
    let at = start;
    for (let i = this.#firstAt(start); at < end; i++) {
      const next = this.#all[i] ?? { start: end, end };
      if (next.end <= at) continue;
      const data = Math.min(Math.max(next.start, at), end);
      if (data > at) yield { start: at, end: data, isData: false };
      at = Math.min(Math.max(next.end, at), end);
      if (at > data) yield { start: data, end: at, isData: true };
    }
  }

  /** The first that ends at or behind `start`. */
  #firstAt(start: number): number {
    let low = 0;
    let high = this.#all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#all[middle]?.end ?? 0) < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
