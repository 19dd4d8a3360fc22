/** What the window stops: the connection. */
interface Reading {
  hold(): void;
  release(): void;
}

/**
 * Counts the calls of one client that are being worked on, and stops reading at the limit, as libvirtd does
 * (max_client_requests, F132): nothing is refused, the next call waits in the peer's socket.
 */
export class RequestWindow {
  readonly #size: number;
  readonly #reading: Reading;
  #inside = 0;

  /** `size` is at least 1. */
  constructor(size: number, reading: Reading) {
    if (!(size >= 1)) throw new RangeError(`request window is ${size}, expected at least 1`);
    this.#size = size;
    this.#reading = reading;
  }

  /** Calls being worked on. */
  get inside(): number {
    return this.#inside;
  }

  enter(): void {
    if (++this.#inside === this.#size) this.#reading.hold();
  }

  leave(): void {
    if (this.#inside-- === this.#size) this.#reading.release();
  }
}
