import { XdrWriter } from "../xdr/writer.ts";

/**
 * A turn that needs more makes its slab grow, and grown it goes back to the pool, if there is room. To begin with more would
 * cost those who send one small message to each of thousands: a new slab each.
 */
const SLAB_BYTES = 1024;
/** A slab that one large message has blown up is not kept. */
const KEPT_BYTES = 1_048_576;
const KEPT_SLABS = 16;

/**
 * The writers that outgoing frames are encoded into, shared by all connections of one server or client: an idle
 * connection owns none.
 */
export class SlabPool {
  readonly #spare: XdrWriter[] = [];

  take(): XdrWriter {
    return this.#spare.pop() ?? new XdrWriter(SLAB_BYTES);
  }

  /** The transport is done with the slab's bytes. */
  give(slab: XdrWriter): void {
    if (slab.bytes.length > KEPT_BYTES || this.#spare.length >= KEPT_SLABS) return;
    slab.position = 0;
    this.#spare.push(slab);
  }
}
