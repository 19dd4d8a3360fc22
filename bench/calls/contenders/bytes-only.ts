import { memoryPair } from "virnet/testing";
import { BenchProgram } from "../bench-program.ts";
import type { Contender } from "../contender.ts";
import { callFrames, FrameCounter } from "../frames.ts";
import { listenPipes, openPipe, type Pipe, transportPipe } from "../pipe.ts";
import { RawSession } from "../raw-session.ts";

const call = { program: BenchProgram.number, version: 1, procedure: 1 };

/**
 * What the sockets of Node allow: bytes that look like calls, of which both ends read the length words and nothing else.
 * The client sends the same ones again and again, the server sends them back as they are. No calls, but their limit.
 */
export const bytesOnly: Contender = {
  serve: (place) => listenPipes(place, echo),
  async open(place) {
    return sessionOn(await openPipe(place));
  },
  async join() {
    const [here, there] = memoryPair();
    echo(transportPipe(there));
    return sessionOn(transportPipe(here));
  },
};

function sessionOn(pipe: Pipe): RawSession {
  return new RawSession(pipe, (bytes, count) => callFrames(call, bytes, count));
}

function echo(pipe: Pipe): void {
  const counter = new FrameCounter();
  const spare: Buffer[] = [];
  pipe.receive = (chunk) => {
    counter.push(chunk);
    const kept = spare.pop();
    // In memory a chunk is as long as the write it comes from.
    const slab = kept !== undefined && kept.length >= chunk.length ? kept : Buffer.allocUnsafeSlow(chunk.length);
    slab.set(chunk);
    pipe.write(slab.subarray(0, chunk.length), () => spare.push(slab));
  };
}
