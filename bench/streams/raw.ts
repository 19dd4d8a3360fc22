import { listenPipes, openPipe, type Pipe } from "../calls/pipe.ts";
import type { Carrier, Direction } from "./carrier.ts";

const CHUNK_BYTES = 262_144;
/** The client's first message: direction and size. */
const WISH_BYTES = 9;

/** What `node:net` does by itself: 256 KiB writes, one after another, into a 256 KiB read buffer. */
export const raw: Carrier = {
  directions: ["up", "down"],
  serve: (place) => listenPipes(place, grant),
  async move(place, direction, bytes) {
    const pipe = await openPipe(place);
    const done = direction === "down" ? count(pipe, bytes) : count(pipe, 1);
    pipe.write(wish(direction, bytes));
    if (direction === "up") await send(pipe, bytes);
    await done;
  },
};

function grant(pipe: Pipe): void {
  pipe.receive = (chunk) => {
    const view = new DataView(chunk.buffer, chunk.byteOffset);
    const bytes = view.getFloat64(1);
    if (view.getUint8(0) === 1) void send(pipe, bytes);
    else void count(pipe, bytes, chunk.length - WISH_BYTES).then(() => pipe.write(new Uint8Array(1)));
  };
}

function wish(direction: Direction, bytes: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(WISH_BYTES));
  view.setUint8(0, direction === "down" ? 1 : 0);
  view.setFloat64(1, bytes);
  return new Uint8Array(view.buffer);
}

function count(pipe: Pipe, bytes: number, had = 0): Promise<void> {
  return new Promise((resolve) => {
    let left = bytes - had;
    pipe.receive = (chunk) => {
      left -= chunk.length;
      if (left <= 0) resolve();
    };
  });
}

function send(pipe: Pipe, bytes: number): Promise<void> {
  const chunk = new Uint8Array(CHUNK_BYTES);
  return new Promise((resolve) => {
    let left = bytes;
    const next = (): void => {
      if (left <= 0) return resolve();
      left -= chunk.length;
      pipe.write(chunk, next);
    };
    next();
  });
}
