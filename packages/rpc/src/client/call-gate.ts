import type { AbortHub } from "../util/abort-hub.ts";
import { nothing } from "../util/nothing.ts";

interface Waiting {
  readonly start: () => void;
  readonly refuse: (reason: unknown) => void;
  readonly off: () => void;
}

/** Calls that may not be sent yet, because enough are on their way. They go in the order in which they came. */
export class CallGate {
  readonly #isFull: () => boolean;
  readonly #aborts: AbortHub;
  readonly #waiting = new Set<Waiting>();

  constructor(isFull: () => boolean, aborts: AbortHub) {
    this.#isFull = isFull;
    this.#aborts = aborts;
  }

  /** Calls that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Is there room, and nobody who came before? */
  get isOpen(): boolean {
    return this.#waiting.size === 0 && !this.#isFull();
  }

  /**
   * Runs `start` once there is room, or `refuse` with the signal's reason if that comes first. Returns what makes the call
   * leave, refused with a reason.
   */
  wait(
    start: () => void,
    refuse: (reason: unknown) => void,
    signal: AbortSignal | undefined,
  ): (reason: unknown) => void {
    const leave = (reason: unknown): void => {
      if (!this.#waiting.delete(waiting)) return;
      off();
      refuse(reason);
    };
    const off = signal === undefined ? nothing : this.#aborts.on(signal, leave);
    const waiting: Waiting = { start, refuse, off };
    this.#waiting.add(waiting);
    return leave;
  }

  /** There may be room: lets in as many as find some. */
  admit(): void {
    for (const waiting of this.#waiting) {
      if (this.#isFull()) return;
      this.#waiting.delete(waiting);
      waiting.off();
      waiting.start();
    }
  }

  refuseAll(reason: unknown): void {
    for (const waiting of this.#waiting) {
      waiting.off();
      waiting.refuse(reason);
    }
    this.#waiting.clear();
  }
}
