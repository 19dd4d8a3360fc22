import { SaslError } from "virnet/sasl";

/** Lets so many in at once; the others wait in the order in which they came. */
export class Turns {
  readonly #capacity: number;
  readonly #longestQueue: number;
  readonly #waiting: Set<() => void> = new Set();
  #taken = 0;

  constructor(capacity: number, longestQueue: number = 1000) {
    this.#capacity = capacity;
    this.#longestQueue = longestQueue;
  }

  /** Resolves when it is the caller's turn, which lasts until {@link end}. Rejects with the signal's reason, turnless. */
  async begin(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#taken < this.#capacity) this.#taken += 1;
    else await this.#wait(signal);
  }

  end(): void {
    const [next] = this.#waiting;
    if (next) next();
    else this.#taken -= 1;
  }

  #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= this.#longestQueue) {
      throw new SaslError(`${this.#waiting.size} authentications wait for a thread already`);
    }
    return new Promise((resolve, reject) => {
      const onTurn = (): void => {
        this.#waiting.delete(onTurn);
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = (): void => {
        this.#waiting.delete(onTurn);
        reject(signal.reason);
      };
      this.#waiting.add(onTurn);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}
