export interface BackoffOptions {
  /** Milliseconds before the second attempt; 100 unless given. */
  readonly initial: number;
  /** Milliseconds at the most; 30,000 unless given. */
  readonly max: number;
  /** By what each wait is longer than the one before; 2 unless given. */
  readonly factor: number;
  /**
   * From 0 to 1, how much of a wait is left to chance, so that many who lost the same server do not come back in one
   * moment; 0.5 unless given: a wait is between the half and the whole.
   */
  readonly jitter: number;
  /** Attempts in a row; no limit unless given. */
  readonly attempts: number;
  /** Milliseconds from the first failure within which an attempt may begin; no limit unless given. */
  readonly total: number;
  /** Milliseconds that a connection must have been open for its loss to begin a new row; 10,000 unless given. */
  readonly stable: number;
  /** From 0 up to 1, as `Math.random`, which it is unless given. */
  readonly random: () => number;
}

/** How long to wait before which attempt. Knows no clock: who asks says what time it is, in milliseconds. */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;
  #since: number | undefined;

  /** Throws `RangeError` for what can't be waited. */
  constructor(given: Partial<BackoffOptions> = {}) {
    this.#options = checked({ ...usual, ...given });
  }

  /** The number, in this row, of the attempt that is being made or comes next; from 1. */
  get attempt(): number {
    return this.#failures + 1;
  }

  /** An attempt has failed: milliseconds until the next, `null` when there is to be none. */
  failed(now: number): number | null {
    const wait = this.#wait();
    this.#failures++;
    return this.#failures < this.#options.attempts && this.#isInTime(now, wait) ? wait : null;
  }

  /** A connection was lost that had been open for `age` milliseconds: one that lasted begins a new row. */
  lost(age: number, now: number): number | null {
    if (age < this.#options.stable) return this.failed(now);
    this.#failures = 0;
    this.#since = undefined;
    const wait = this.#wait();
    return this.#isInTime(now, wait) ? wait : null;
  }

  #wait(): number {
    const { initial, max, factor, jitter, random } = this.#options;
    // Past the largest number times an `initial` of zero there is none.
    const grown = Math.min(max, initial * Math.min(factor ** this.#failures, Number.MAX_VALUE));
    return grown * (1 - jitter * random());
  }

  #isInTime(now: number, wait: number): boolean {
    this.#since ??= now;
    return now + wait - this.#since <= this.#options.total;
  }
}

const usual: BackoffOptions = {
  initial: 100,
  max: 30_000,
  factor: 2,
  jitter: 0.5,
  attempts: Number.POSITIVE_INFINITY,
  total: Number.POSITIVE_INFINITY,
  stable: 10_000,
  random: Math.random,
};

/** The longest wait that a timer can take. */
const TIMER_MS = 2 ** 31 - 1;

function checked(options: BackoffOptions): BackoffOptions {
  within("initial", options.initial, 0, TIMER_MS);
  within("max", options.max, 0, TIMER_MS);
  within("factor", options.factor, 1, Number.POSITIVE_INFINITY);
  within("jitter", options.jitter, 0, 1);
  within("attempts", options.attempts, 1, Number.POSITIVE_INFINITY);
  within("total", options.total, 0, Number.POSITIVE_INFINITY);
  within("stable", options.stable, 0, Number.POSITIVE_INFINITY);
  return options;
}

function within(name: string, value: number, least: number, most: number): void {
  if (value >= least && value <= most) return;
  throw new RangeError(`backoff ${name} is ${value}, expected from ${least} to ${most}`);
}
