import { readFileSync } from "node:fs";
import { ConnectionError } from "../util/connection-error.ts";

/** Descriptors that connections leave to the work at hand: files, programs, name servers. */
const RESERVE = 8;
/** As long as libvirtd pauses (F079). */
const TOLD_MS = 5000;

/**
 * Turns connections away when the process is about to run out of descriptors. The system gives out the lowest number that is
 * free, so that of the newest connection tells how many are left. Beyond the limit itself Node would turn connections away
 * without a word; it has no way of leaving them in the queue, as libvirtd does.
 */
export class DescriptorReserve {
  readonly #tell: (error: ConnectionError) => void;
  readonly #readLimit: () => number;
  #limit: number;
  #told = Number.NEGATIVE_INFINITY;

  constructor(tell: (error: ConnectionError) => void, readLimit: () => number = descriptorLimit) {
    this.#tell = tell;
    this.#readLimit = readLimit;
    this.#limit = readLimit();
  }

  /** May the connection with this descriptor be served? Says so once in five seconds if not. */
  admits(descriptor: number): boolean {
    if (descriptor < this.#limit - RESERVE) return true;
    // It may have been raised meanwhile.
    this.#limit = this.#readLimit();
    if (descriptor < this.#limit - RESERVE) return true;
    this.#complain();
    return false;
  }

  #complain(): void {
    const now = performance.now();
    if (now < this.#told + TOLD_MS) return;
    this.#told = now;
    const what = `this process may have ${this.#limit} descriptors, and all but ${RESERVE} are in use`;
    this.#tell(new ConnectionError(`clients are turned away: ${what}; raise the limit (ulimit -n)`, "overflow"));
  }
}

/** Unlimited where the system does not tell. */
function descriptorLimit(): number {
  try {
    const [, limit] = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
