import { ConnectionError } from "./connection-error.ts";

/** A connection that has yet to show who it is: by its handshake, or by its login. */
export interface Entrant {
  /** Its turn has come. */
  begin(): void;
  /** It must go; it leaves the gate by itself. */
  drop(error: ConnectionError): void;
}

export interface EntranceOptions {
  /** What is bounded, for errors: `handshake`, `login`. */
  readonly what: string;
  /** So many at a time. */
  readonly atOnce: number;
  /** Whoever takes longer gives way when others wait, in milliseconds. */
  readonly graceMs: number;
}

/** Accepted connections that may wait for their turn; as many as libvirtd lets wait in all. */
const WAITING = 1000;

/**
 * Bounds the handshakes, or the logins, of one service that run at a time. Further connections wait, costing a descriptor
 * each; while some do, whoever has had its turn for a while is dropped, so those who stall can't keep the others out. The newest
 * goes first: behind a crowd of those who stall it would wait its turn for long.
 */
export class EntranceGate {
  readonly #what: string;
  readonly #atOnce: number;
  readonly #graceMs: number;
  /** In the order of their beginnings, with the time of each. */
  readonly #running = new Map<Entrant, number>();
  readonly #waiting = new Set<Entrant>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ what, atOnce, graceMs }: EntranceOptions) {
    if (!(atOnce >= 1)) throw new RangeError(`${what}s is ${atOnce}, expected at least 1`);
    this.#what = what;
    this.#atOnce = atOnce;
    this.#graceMs = graceMs;
  }

  enter(entrant: Entrant): void {
    if (this.#running.size < this.#atOnce) {
      this.#begin(entrant);
      return;
    }
    this.#waiting.add(entrant);
    const [first] = this.#waiting;
    if (this.#waiting.size > WAITING && first !== undefined) {
      // Whoever has waited the longest would be the last to have a turn.
      this.#waiting.delete(first);
      first.drop(new ConnectionError(`too many ${this.#what}s wait`, "overflow"));
    }
    this.#makeRoom();
  }

  /** It is over, whatever came of it. */
  leave(entrant: Entrant): void {
    this.#running.delete(entrant);
    this.#waiting.delete(entrant);
    const next = this.#running.size < this.#atOnce ? [...this.#waiting].pop() : undefined;
    if (next !== undefined) {
      this.#waiting.delete(next);
      this.#begin(next);
    }
    this.#makeRoom();
  }

  close(error: ConnectionError): void {
    const all = [...this.#waiting, ...this.#running.keys()];
    this.#waiting.clear();
    for (const entrant of all) entrant.drop(error);
  }

  #begin(entrant: Entrant): void {
    this.#running.set(entrant, performance.now());
    entrant.begin();
  }

  #makeRoom(): void {
    clearTimeout(this.#timer);
    const [oldest] = this.#running;
    if (this.#waiting.size === 0 || oldest === undefined) return;
    const [entrant, since] = oldest;
    const rest = since + this.#graceMs - performance.now();
    if (rest <= 0) entrant.drop(new ConnectionError(`the ${this.#what} was slow, and others wait`, "overflow"));
    else this.#timer = setTimeout(() => this.#makeRoom(), rest);
  }
}
