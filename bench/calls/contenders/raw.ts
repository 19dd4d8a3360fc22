import { Framer, HEADER_BYTES } from "virnet/protocol";
import { memoryPair } from "virnet/testing";
import { BenchProgram } from "../bench-program.ts";
import type { Contender, Session } from "../contender.ts";
import { type Load, Stopwatch, type Tally } from "../load.ts";
import { listenPipes, openPipe, type Pipe, transportPipe } from "../pipe.ts";
import { Sampler } from "../sampler.ts";
import { Slabs } from "../slabs.ts";

const FRAME_LIMIT = 2_097_152;
const SERIAL_AT = 20;

/**
 * Calls by hand, on the sockets of Node as fast as they can be used: each call is written into a slab with a header and
 * a serial of its own, each is answered with a header of its own, and the client looks at the serial of each answer. One
 * read buffer, one write per chunk that was read, no promises, no table of calls, no arguments decoded.
 */
export const raw: Contender = {
  serve: (place) => listenPipes(place, answer),
  async open(place) {
    return new RawClient(await openPipe(place));
  },
  async join() {
    const [here, there] = memoryPair();
    answer(transportPipe(there));
    return new RawClient(transportPipe(here));
  },
};

function answer(pipe: Pipe): void {
  const slabs = new Slabs(pipe);
  const framer = new Framer(FRAME_LIMIT, {
    frame(bytes, start, end) {
      const serial = readWord(bytes, start + SERIAL_AT);
      writeFrame(slabs, 1, serial, bytes.subarray(start + HEADER_BYTES, end));
    },
  });
  pipe.receive = (chunk) => {
    framer.push(chunk);
    slabs.flush();
  };
}

class RawClient implements Session {
  readonly #pipe: Pipe;
  readonly #slabs: Slabs;

  constructor(pipe: Pipe) {
    this.#pipe = pipe;
    this.#slabs = new Slabs(pipe);
  }

  run(load: Load): Promise<Tally> {
    const watch = new Stopwatch(load);
    const sampler = new Sampler(watch, load.sampleEvery);
    const payload = new Uint8Array(load.bytes);
    let sent = 0;
    let answered = 0;
    const send = (calls: number): void => {
      for (let i = 0; i < calls; i++) writeFrame(this.#slabs, 0, sent++, payload);
      sampler.sent(calls);
      this.#slabs.flush();
    };
    return new Promise((resolve, reject) => {
      const framer = new Framer(FRAME_LIMIT, {
        frame(bytes, start) {
          if (readWord(bytes, start + SERIAL_AT) !== answered++ >>> 0) reject(new Error("an answer out of order"));
        },
      });
      this.#pipe.receive = (chunk) => {
        const before = answered;
        framer.push(chunk);
        const news = answered - before;
        watch.count(news);
        sampler.answered(news);
        if (!watch.over) send(news);
        else if (answered === sent) resolve(watch.tally());
      };
      send(load.outstanding);
    });
  }
}

function writeFrame(slabs: Slabs, type: number, serial: number, payload: Uint8Array): void {
  const size = HEADER_BYTES + payload.length;
  const { bytes, at } = slabs.take(size);
  writeWord(bytes, at, size);
  writeWord(bytes, at + 4, BenchProgram.number);
  writeWord(bytes, at + 8, BenchProgram.version);
  writeWord(bytes, at + 12, 1);
  writeWord(bytes, at + 16, type);
  writeWord(bytes, at + SERIAL_AT, serial);
  writeWord(bytes, at + 24, 0);
  bytes.set(payload, at + HEADER_BYTES);
}

function writeWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function readWord(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}
