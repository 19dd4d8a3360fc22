/** As large as what a socket reads at once. */
export const BLOCK_BYTES = 262_144;
/** As many as wait at most for the readers of a client with the limits it has unless told otherwise. */
const KEPT_BLOCKS = 64;

/**
 * The buffers that large stream data waits in, shared by the streams of one connection. All that was ever needed at
 * once is kept while a stream is open: the collector looks at freed buffers only once there are tens of megabytes.
 */
export class BlockPool {
  readonly #spare: Uint8Array[] = [];

  take(): Uint8Array {
    return this.#spare.pop() ?? new Uint8Array(BLOCK_BYTES);
  }

  /** Nobody looks at the buffer any more. Others than those of `take` are left to the collector. */
  give(block: Uint8Array): void {
    if (block.length === BLOCK_BYTES && this.#spare.length < KEPT_BLOCKS) this.#spare.push(block);
  }

  /** No stream is open: an idle connection owns no buffers. */
  clear(): void {
    this.#spare.length = 0;
  }
}
