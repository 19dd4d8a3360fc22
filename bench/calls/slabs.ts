import type { Pipe } from "./pipe.ts";

const SLAB_BYTES = 262_144;

/** Bytes to write into, which leave in one write; used again once they have left. */
export class Slabs {
  readonly #pipe: Pipe;
  readonly #spare: Uint8Array[] = [];
  #slab: Uint8Array = new Uint8Array(SLAB_BYTES);
  #used = 0;

  constructor(pipe: Pipe) {
    this.#pipe = pipe;
  }

  /** Room for `size` bytes, at `at`. */
  take(size: number): { readonly bytes: Uint8Array; readonly at: number } {
    if (this.#used + size > this.#slab.length) this.flush();
    const at = this.#used;
    this.#used += size;
    return { bytes: this.#slab, at };
  }

  flush(): void {
    if (this.#used === 0) return;
    const slab = this.#slab;
    this.#pipe.write(slab.subarray(0, this.#used), () => this.#spare.push(slab));
    this.#slab = this.#spare.pop() ?? new Uint8Array(SLAB_BYTES);
    this.#used = 0;
  }
}
