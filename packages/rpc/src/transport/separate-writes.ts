import type net from "node:net";
import { Fifo } from "../util/fifo.ts";

interface Waiting {
  readonly bytes: Uint8Array;
  readonly done: () => void;
}

/**
 * Writes one thing after another, each in TLS records of its own: Node would put all that waits into one. libvirtd and
 * libvirt's clients read a single message of those in a record, and come back for the rest when the next record arrives,
 * be it seconds later, or never.
 */
export class SeparateWrites {
  readonly #socket: net.Socket;
  readonly #waiting = new Fifo<Waiting>();
  #isBusy = false;
  #then: (() => void) | undefined;

  constructor(socket: net.Socket) {
    this.#socket = socket;
  }

  write(bytes: Uint8Array, done: () => void): void {
    this.#waiting.push({ bytes, done });
    if (!this.#isBusy) this.#next();
  }

  /** Calls `then` once nothing waits any more; what is written meanwhile still leaves before. */
  whenIdle(then: () => void): void {
    if (this.#isBusy) this.#then = then;
    else then();
  }

  #next(): void {
    const next = this.#waiting.shift();
    this.#isBusy = next !== undefined;
    if (next === undefined) {
      this.#then?.();
      return;
    }
    this.#socket.write(next.bytes, () => {
      next.done();
      if (this.#socket.destroyed) this.#drop();
      else this.#next();
    });
  }

  /** A socket that is gone would make an error of each write, in a turn of its own: with many waiting, for minutes. */
  #drop(): void {
    for (let lost = this.#waiting.shift(); lost !== undefined; lost = this.#waiting.shift()) lost.done();
    this.#next();
  }
}
