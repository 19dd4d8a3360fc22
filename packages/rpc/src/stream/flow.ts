/** Data between two marks, in bytes. */
const MARK_BYTES = 1_048_576;
/** Data of one stream that the peer may have yet to consume, as far as it tells. */
const WINDOW_BYTES = 4_194_304;
/** Data of one stream that waits here before its marks are sent back late. */
const CONSUMED_BYTES = 524_288;
/** Marks kept to be sent back; a peer that keeps to the window has a handful on the way. */
const MOST_OWED = 64;

/** What the flow of a stream needs of its connection. */
export interface FlowPort {
  /** Has the peer said that it knows marks? */
  readonly knowsMarks: boolean;
  sendMark(kind: "mark" | "marked", serial: number): void;
}

/**
 * Keeps one stream from filling the connection, where the peer knows marks: data goes out while not too much of it is
 * unconsumed, so nobody has to stop reading, and what else comes on the connection is not held up.
 */
export class Flow {
  readonly #port: FlowPort;
  readonly #serial: number;
  /** Data before each mark that has not come back. */
  readonly #marks: number[] = [];
  #unmarked = 0;
  #unconsumed = 0;
  #owed = 0;

  constructor(port: FlowPort, serial: number) {
    this.#port = port;
    this.#serial = serial;
  }

  /** May data be sent now? */
  get isOpen(): boolean {
    return !this.#port.knowsMarks || this.#unconsumed < WINDOW_BYTES;
  }

  /** So much data is on its way. */
  sent(bytes: number): void {
    if (!this.#port.knowsMarks) return;
    this.#unconsumed += bytes;
    this.#unmarked += bytes;
    if (this.#unmarked < MARK_BYTES) return;
    this.#marks.push(this.#unmarked);
    this.#unmarked = 0;
    this.#port.sendMark("mark", this.#serial);
  }

  /** A mark came back. */
  marked(): void {
    this.#unconsumed -= this.#marks.shift() ?? 0;
  }

  /** The peer has set a mark, with so much data waiting here. */
  mark(waiting: number): void {
    if (this.#owed < MOST_OWED) this.#owed++;
    this.consumed(waiting);
  }

  /** So much data is waiting here now. */
  consumed(waiting: number): void {
    if (waiting > CONSUMED_BYTES) return;
    for (; this.#owed > 0; this.#owed--) this.#port.sendMark("marked", this.#serial);
  }
}
