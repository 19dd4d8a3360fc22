/** How much stream data may wait in memory on one connection, in bytes, depending on who would be held up by stopping. */
export interface IntakeLimits {
  /** While nobody waits for anything else that the peer may send. */
  readonly idle: number;
  /** While a reader of another stream waits for data. */
  readonly streams: number;
  /** While a call waits for its reply, or a stream for its confirmation. */
  readonly calls: number;
}

/** What the intake may do to the connection, and what it asks its owner. */
export interface IntakeParts {
  readonly limits: IntakeLimits;
  readonly hold: () => void;
  readonly release: () => void;
  /** Does a call wait for its reply? */
  readonly callsWait: () => boolean;
}

/** Reading goes on once there is room for another packet. */
const ROOM_BYTES = 262_144;

/**
 * Decides when a connection stops reading because its streams' readers are slow.
 *
 * One connection is one stream of bytes, and a reply comes behind the data that the peer has sent before it. So reading
 * stops early, with little in memory, while nobody waits for anything behind that data; while somebody does, it goes on
 * up to a larger limit. Past that one, whoever waits waits for the slow reader: the protocol has no window per stream
 * by which the peer could be told to send less of the one and more of the other.
 */
export class Intake {
  readonly #parts: IntakeParts;
  #queued = 0;
  #readers = 0;
  #confirmations = 0;
  #held = false;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** Bytes of memory that streams' data takes. */
  get queued(): number {
    return this.#queued;
  }

  get isHolding(): boolean {
    return this.#held;
  }

  /** Readers and confirmations that wait. */
  get waiting(): number {
    return this.#readers + this.#confirmations;
  }

  /** A stream's queue has grown, or shrunk, by `bytes`. */
  changed(bytes: number): void {
    this.#queued += bytes;
    this.update();
  }

  /** A reader begins (1) or ends (-1) to wait for data. */
  reader(change: 1 | -1): void {
    this.#readers += change;
    if (this.#held) this.update();
  }

  /** A stream begins (1) or ends (-1) to wait for the peer's confirmation. */
  confirmation(change: 1 | -1): void {
    this.#confirmations += change;
    if (this.#held) this.update();
  }

  /** Holds or releases as things stand now; to be called when calls begin or end to wait. */
  update(): void {
    const limit = this.#limit();
    if (!this.#held && this.#queued >= limit) {
      this.#held = true;
      this.#parts.hold();
    } else if (this.#held && this.#queued <= limit - ROOM_BYTES) {
      this.#held = false;
      this.#parts.release();
    }
  }

  #limit(): number {
    const { limits, callsWait } = this.#parts;
    if (this.#confirmations > 0 || callsWait()) return limits.calls;
    return this.#readers > 0 ? limits.streams : limits.idle;
  }
}

/** The limits that go with the largest of them. */
export function intakeLimits(most: number): IntakeLimits {
  const idle = Math.max(ROOM_BYTES * 2, Math.floor(most / 16));
  return { idle, streams: Math.max(idle, Math.floor(most / 2)), calls: Math.max(idle, most) };
}
