/* A child: many subscribers over sockets of their own, who count and time what comes. Argument: where. */
import net from "node:net";
import { answerQuestions } from "../calls/child.ts";
import type { Place } from "../calls/contender.ts";
import { callFrames } from "../calls/frames.ts";
import { Events, TIME_AT } from "./event-program.ts";

export type AudienceQuestion =
  | { readonly ask: "join"; readonly subscribers: number }
  /** Waits for so many events in all, counted from the question before; gives their latencies in milliseconds. */
  | { readonly ask: "hear"; readonly events: number };

export interface HeardEvents {
  /** Milliseconds from the first question on. */
  readonly took: number;
  readonly median: number;
  readonly p99: number;
}

const AT_ONCE = 50;
const KEEPALIVE = 0x6b656570;

const place = JSON.parse(process.argv[2] ?? "") as Place; // written by the parent
const call = callFrames({ program: Events.number, version: 1, procedure: 1 }, 0, 1);
const pong = callFrames({ program: KEEPALIVE, version: 1, procedure: 2 }, 0, 1);
pong.writeUInt32BE(2, 16);

let latencies: number[] = [];
let wake = (): void => {};

answerQuestions(async (question: AudienceQuestion) => {
  if (question.ask === "hear") return hear(question.events);
  for (let missing = question.subscribers; missing > 0; missing -= AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, missing) }, subscribe));
  }
  return true;
});

async function hear(events: number): Promise<HeardEvents> {
  const began = performance.now();
  while (latencies.length < events) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  const sorted = Float64Array.from(latencies).toSorted();
  latencies = [];
  const at = (share: number): number => (sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN) / 1000;
  return { took: performance.now() - began, median: at(0.5), p99: at(0.99) };
}

function subscribe(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(place, () => socket.write(call));
    let rest: Buffer = Buffer.alloc(0);
    socket.once("error", reject);
    socket.on("data", (chunk) => {
      rest = take(socket, rest.length === 0 ? chunk : Buffer.concat([rest, chunk]), resolve);
    });
  });
}

/** Works on whole messages; gives back what is left over. */
function take(socket: net.Socket, bytes: Buffer, joined: () => void): Buffer {
  const now = (performance.timeOrigin + performance.now()) * 1000;
  let at = 0;
  while (bytes.length - at >= 4 && bytes.length - at >= bytes.readUInt32BE(at)) {
    const length = bytes.readUInt32BE(at);
    if (bytes.readUInt32BE(at + 4) === KEEPALIVE) answer(socket, bytes, at);
    else if (length > TIME_AT) latencies.push(now - Number(bytes.readBigUInt64BE(at + TIME_AT)));
    else joined();
    at += length;
  }
  wake();
  return bytes.subarray(at);
}

/** What comes first is the answer to our own. */
function answer(socket: net.Socket, bytes: Buffer, at: number): void {
  if (bytes.readUInt32BE(at + 12) === 1) socket.write(pong);
}
