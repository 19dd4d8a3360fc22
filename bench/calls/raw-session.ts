import type { Session } from "./contender.ts";
import { FrameCounter } from "./frames.ts";
import { type Load, Stopwatch, type Tally } from "./load.ts";
import type { Pipe } from "./pipe.ts";
import { Sampler } from "./sampler.ts";

/** A client that encodes nothing and decodes nothing: it counts the frames that come back, and sends as many anew. */
export class RawSession implements Session {
  readonly #pipe: Pipe;
  readonly #frames: (bytes: number, count: number) => Buffer;

  /** `frames` makes that many calls with a payload of that many bytes. */
  constructor(pipe: Pipe, frames: (bytes: number, count: number) => Buffer) {
    this.#pipe = pipe;
    this.#frames = frames;
  }

  run(load: Load): Promise<Tally> {
    const { outstanding, bytes } = load;
    const frames = this.#frames(bytes, outstanding);
    const size = frames.length / outstanding;
    const watch = new Stopwatch(load);
    const sampler = new Sampler(watch, load.sampleEvery);
    return new Promise((resolve) => {
      const counter = new FrameCounter();
      let waiting = outstanding;
      this.#pipe.receive = (chunk) => {
        const answered = counter.push(chunk);
        watch.count(answered);
        sampler.answered(answered);
        if (watch.over) waiting -= answered;
        else if (answered > 0) this.#send(frames.subarray(0, answered * size), sampler, answered);
        if (waiting === 0) resolve(watch.tally());
      };
      this.#send(frames, sampler, outstanding);
    });
  }

  #send(frames: Buffer, sampler: Sampler, calls: number): void {
    sampler.sent(calls);
    this.#pipe.write(frames);
  }
}
