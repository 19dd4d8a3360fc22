import type { Socket } from "node:net";
import { BenchProgram } from "../calls/bench-program.ts";
import { callFrames, FrameCounter } from "../calls/frames.ts";

const CHUNK_BYTES = 262_144;

/** What node:tls does by itself. The first byte says what is wanted: an echo, a flood of so many bytes, or silence. */
export const WISHES = { echo: 1, down: 2, up: 3 } as const;

export function serveRaw(socket: Socket): void {
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.once("data", (chunk: Buffer) => {
    const bytes = chunk.readDoubleBE(1);
    if (chunk[0] === WISHES.down) flood(socket, bytes);
    else if (chunk[0] === WISHES.up) swallow(socket, bytes);
    else answer(socket);
  });
}

export function wish(what: keyof typeof WISHES, bytes: number): Buffer {
  const message = Buffer.alloc(9, WISHES[what]);
  message.writeDoubleBE(bytes, 1);
  return message;
}

/** A frame for each frame, all that came together in one write: what a server does that reads nothing in them. */
function answer(socket: Socket): void {
  const counter = new FrameCounter();
  socket.on("data", (chunk: Buffer) => {
    const ended = counter.push(chunk);
    if (ended > 0) socket.write(framesOf(ended));
  });
}

/** So many calls of eight bytes. */
export function framesOf(count: number): Buffer {
  return callFrames({ program: BenchProgram.number, version: 1, procedure: 1 }, 8, count);
}

/** Writes of 256 KiB, one after another. */
export function flood(socket: Socket, bytes: number): void {
  const chunk = new Uint8Array(CHUNK_BYTES);
  let left = bytes;
  const next = (): void => {
    if (left <= 0) return;
    left -= chunk.length;
    socket.write(chunk, next);
  };
  next();
}

function swallow(socket: Socket, bytes: number): void {
  let left = bytes;
  socket.on("data", (chunk: Buffer) => {
    left -= chunk.length;
    if (left <= 0) socket.write(Uint8Array.of(1));
  });
}
