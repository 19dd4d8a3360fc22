import { ConnectionError } from "../util/connection-error.ts";

/** When a peer that says nothing is asked for a sign of life, and when it is given up (libvirt-rpc §2.12). */
export interface KeepaliveOptions {
  /** Milliseconds of silence until a peer is asked, and between two questions: 8 to 86,400,000; 5,000 unless given. */
  readonly interval?: number;
  /** Questions that may stay without an answer, 5 unless given: the peer is dead after interval × (count + 1). */
  readonly count?: number;
}

/** Who keeps to the options; nobody for `false`. Throws `RangeError` for an interval or a count that can't be. */
export function keepaliveWith(options: KeepaliveOptions | false): Keepalive | undefined {
  return options === false ? undefined : new Keepalive(options);
}

/** What keepalive asks and tells of a connection. */
export interface Watched {
  /** Has the peer shown life since this was asked last, or can it not, as we don't listen? */
  showsLife(): boolean;
  ping(): void;
  fail(error: ConnectionError): void;
}

interface Watch {
  readonly peer: Watched;
  /** Ticks since the peer showed life. */
  silent: number;
  /** The peer is to learn that we know keepalive. */
  announce: boolean;
}

/** A silent peer is noticed at most one of these parts of an interval late. */
const TICKS = 8;
const LONGEST_MS = 86_400_000;

/**
 * Looks after any number of connections, with one timer for all. Time is counted in ticks of that timer, and a tick that
 * comes late counts once: between two of them sockets are read, so while this process was busy or asleep, no peer
 * grew older. What a peer sends costs a flag that is set, nothing else.
 */
export class Keepalive {
  readonly interval: number;
  readonly count: number;
  readonly #watches = new Set<Watch>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor({ interval = 5_000, count = 5 }: KeepaliveOptions) {
    if (!(interval >= TICKS && interval <= LONGEST_MS)) {
      throw new RangeError(`keepalive interval is ${interval} ms, expected ${TICKS} to ${LONGEST_MS}`);
    }
    if (!(count >= 0 && Number.isInteger(count))) {
      throw new RangeError(`keepalive count is ${count}, expected a whole number, at least 0`);
    }
    this.interval = interval;
    this.count = count;
  }

  /** Looks after `peer` until the function it returns is called. With `announce` the peer is asked once right at the beginning. */
  watch(peer: Watched, announce: boolean): () => void {
    const watch: Watch = { peer, silent: 0, announce };
    this.#watches.add(watch);
    this.#timer ??= this.#start();
    return () => {
      this.#watches.delete(watch);
      if (this.#watches.size === 0) this.#stop();
    };
  }

  #start(): ReturnType<typeof setInterval> {
    const timer = setInterval(() => this.#tick(), this.interval / TICKS);
    // Where timers are numbers none holds up the end of anything.
    if (typeof timer === "object") timer.unref();
    return timer;
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    for (const watch of this.#watches) {
      if (watch.peer.showsLife()) watch.silent = 0;
      else if (++watch.silent % TICKS === 0) this.#ask(watch);
      if (watch.announce) this.#announce(watch);
    }
  }

  #ask({ peer, silent }: Watch): void {
    if (silent <= this.count * TICKS) peer.ping();
    else
      peer.fail(new ConnectionError(`the peer has given no sign of life for ${this.#seconds(silent)} s`, "keepalive"));
  }

  #announce(watch: Watch): void {
    watch.announce = false;
    watch.peer.ping();
  }

  #seconds(silent: number): number {
    return ((silent / TICKS) * this.interval) / 1000;
  }
}
