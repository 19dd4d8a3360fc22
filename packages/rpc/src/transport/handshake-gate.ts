import { ConnectionError } from "../util/connection-error.ts";

/** A connection whose handshake is not over. */
export interface Entrant {
  /** Its turn has come. */
  begin(): void;
  /** It must go; it leaves the gate by itself. */
  drop(error: ConnectionError): void;
}

/** A handshake that takes longer gives way when others wait. */
const GRACE_MS = 1000;
/** Accepted connections that may wait for their turn; as many as libvirtd lets wait in all. */
const WAITING = 1000;

/**
 * Bounds the handshakes of one service that run at a time. Further connections wait, costing a descriptor each; while
 * some do, whoever has had its turn for a second is dropped, so those who stall can't keep the others out. The newest
 * goes first: behind a crowd of those who stall it would wait its turn for long.
 */
export class HandshakeGate {
  readonly #atOnce: number;
  /** In the order of their beginnings, with the time of each. */
  readonly #running = new Map<Entrant, number>();
  readonly #waiting = new Set<Entrant>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(atOnce: number) {
    if (!(atOnce >= 1)) throw new RangeError(`handshakes is ${atOnce}, expected at least 1`);
    this.#atOnce = atOnce;
  }

  enter(entrant: Entrant): void {
    if (this.#running.size < this.#atOnce) this.#begin(entrant);
    else if (this.#waiting.size >= WAITING) entrant.drop(new ConnectionError("too many handshakes wait", "overflow"));
    else {
      this.#waiting.add(entrant);
      this.#makeRoom();
    }
  }

  /** Its handshake is over, whatever came of it. */
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
    const rest = since + GRACE_MS - performance.now();
    if (rest <= 0) entrant.drop(new ConnectionError("the handshake was slow, and others wait", "overflow"));
    else this.#timer = setTimeout(() => this.#makeRoom(), rest);
  }
}
