/** What a client is asked to do: keep so many calls of so many bytes outstanding, for so long. */
export interface Load {
  readonly outstanding: number;
  /** Bytes of the payload, each way. */
  readonly bytes: number;
  readonly milliseconds: number;
  /** The time of every so many calls is taken: the clock costs as much as a tenth of a call. */
  readonly sampleEvery: number;
}

/** What came of it. */
export interface Tally {
  readonly calls: number;
  readonly milliseconds: number;
  /** Milliseconds of single calls. */
  readonly samples: readonly number[];
}

/** Sends one call and waits for its answer. */
export type OneCall = () => Promise<unknown>;

/** Keeps `load.outstanding` promises waiting until the time is over, then waits for the last of them. */
export async function keepCalling(call: OneCall, load: Load): Promise<Tally> {
  const watch = new Stopwatch(load);
  const callers = Array.from({ length: load.outstanding }, () => callUntilOver(call, watch));
  await Promise.all(callers);
  return watch.tally();
}

async function callUntilOver(call: OneCall, watch: Stopwatch): Promise<void> {
  while (!watch.over) {
    const isSample = watch.isSample();
    const began = isSample ? performance.now() : 0;
    await call();
    watch.count(1);
    if (isSample) watch.sample(began);
  }
}

/** Counts calls until the time of a load is over. */
export class Stopwatch {
  over = false;
  readonly #every: number;
  readonly #began = performance.now();
  readonly #samples: number[] = [];
  #calls = 0;
  #begun = 0;

  constructor({ milliseconds, sampleEvery }: Load) {
    this.#every = sampleEvery;
    setTimeout(() => {
      this.over = true;
    }, milliseconds);
  }

  /** Is the call that begins now one whose time is taken? */
  isSample(): boolean {
    return this.#begun++ % this.#every === 0;
  }

  sample(began: number): void {
    this.#samples.push(performance.now() - began);
  }

  count(calls: number): void {
    this.#calls += calls;
  }

  tally(): Tally {
    return { calls: this.#calls, milliseconds: performance.now() - this.#began, samples: this.#samples };
  }
}
