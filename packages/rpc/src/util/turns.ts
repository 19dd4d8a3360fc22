import { onAbort } from "./signals.ts";

/** Work of which only so much may be done at a time, in the order of its rank and then of its coming. */
export class Turns {
  readonly #limit: number;
  readonly #waiting = new Map<number, Set<() => void>>();
  #taken = 0;

  constructor(limit: number) {
    if (!(limit >= 1)) throw new RangeError(`${limit} turns at a time, expected at least 1`);
    this.#limit = limit;
  }

  /**
   * Resolves when it is one's turn, to what gives it back. Of those who wait the lowest `rank` comes first. Rejects with
   * the signal's reason.
   */
  take(rank: number, signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const begin = (): void => {
        off();
        this.#taken++;
        resolve(this.#once());
      };
      const off = onAbort(signal, (reason) => {
        this.#leave(rank, begin);
        reject(reason);
      });
      if (this.#taken < this.#limit) begin();
      else this.#waiting.set(rank, (this.#waiting.get(rank) ?? new Set()).add(begin));
    });
  }

  #once(): () => void {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#taken--;
      this.#admit();
    };
  }

  #admit(): void {
    if (this.#waiting.size === 0) return;
    const rank = Math.min(...this.#waiting.keys());
    const [begin] = this.#waiting.get(rank) ?? [];
    if (begin === undefined) return;
    this.#leave(rank, begin);
    begin();
  }

  #leave(rank: number, begin: () => void): void {
    const same = this.#waiting.get(rank);
    same?.delete(begin);
    if (same?.size === 0) this.#waiting.delete(rank);
  }
}
