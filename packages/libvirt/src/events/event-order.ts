/** Messages of one kind, and for whom they are. */
export interface Lane {
  /** False when nobody has registered that callback, at least not yet. */
  deliver(callback: number | null, message: unknown, size: number): boolean;
  /** Is a registration on its way, whose callback may be one that is not known yet? */
  readonly isPending: boolean;
}

interface Waiting {
  readonly lane: Lane;
  readonly callback: number | null;
  readonly message: unknown;
  readonly size: number;
}

/** Messages that wait for the replies of registrations, which come in the same breath. */
const MOST_WAITING = 1024;

/**
 * Keeps events in the order in which they came, over all kinds, while callbacks are being registered: one that belongs
 * to a registration whose reply has not been worked on yet waits, and those behind it with it (F060).
 */
export class EventOrder {
  #waiting: Waiting[] = [];
  #unknown = 0;

  /** Messages of callbacks that nobody has registered, dropped. */
  get unknown(): number {
    return this.#unknown;
  }

  take(lane: Lane, callback: number | null, message: unknown, size: number): void {
    if (this.#waiting.length === 0 && lane.deliver(callback, message, size)) return;
    this.#waiting.push({ lane, callback, message, size });
    this.#work(this.#waiting.length > MOST_WAITING);
  }

  /** To be called when a registration has come to its end. */
  settle(): void {
    this.#work(false);
  }

  /** Up to the first that has to wait, unless there are too many for that. */
  #work(all: boolean): void {
    let next = this.#waiting[0];
    while (next !== undefined) {
      const { lane, callback, message, size } = next;
      const delivered = lane.deliver(callback, message, size);
      if (!delivered && lane.isPending && !all) return;
      if (!delivered) this.#unknown++;
      this.#waiting.shift();
      next = this.#waiting[0];
    }
  }
}
