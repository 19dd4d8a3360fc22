import type { Stopwatch } from "./load.ts";

/** Takes the time of one call after another: that of the last of a write. Answers come in order, or nearly. */
export class Sampler {
  readonly #watch: Stopwatch;
  readonly #every: number;
  #sent = 0;
  #answered = 0;
  #target = 0;
  #began = 0;

  constructor(watch: Stopwatch, every: number) {
    this.#watch = watch;
    this.#every = every;
  }

  sent(calls: number): void {
    this.#sent += calls;
    if (this.#target !== 0 || this.#sent % this.#every >= calls) return;
    this.#target = this.#sent;
    this.#began = performance.now();
  }

  answered(calls: number): void {
    this.#answered += calls;
    if (this.#target === 0 || this.#answered < this.#target) return;
    this.#target = 0;
    this.#watch.sample(this.#began);
  }
}
