/** As large as what a socket reads at once. */
export const BLOCK_BYTES = 262_144;
const KEPT_BLOCKS = 8;

/** The buffers that large stream data waits in, shared by the streams of one connection: an idle one owns none. */
export class BlockPool {
  readonly #spare: Uint8Array[] = [];

  take(): Uint8Array {
    return this.#spare.pop() ?? new Uint8Array(BLOCK_BYTES);
  }

  /** Nobody looks at the buffer any more. Others than those of `take` are left to the collector. */
  give(block: Uint8Array): void {
    if (block.length === BLOCK_BYTES && this.#spare.length < KEPT_BLOCKS) this.#spare.push(block);
  }
}
