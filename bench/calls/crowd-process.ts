/* A child: many clients that connect, and then do nothing. Argument: where. */
import net from "node:net";
import { BenchProgram } from "./bench-program.ts";
import { answerQuestions } from "./child.ts";
import type { Place } from "./contender.ts";
import { callFrames } from "./frames.ts";

export interface CrowdQuestion {
  readonly connections: number;
  /** How many calls each makes, one after another, before it falls silent. */
  readonly calls: number;
}

const AT_ONCE = 50;

const place = JSON.parse(process.argv[2] ?? "") as Place; // written by the parent
const call = callFrames({ program: BenchProgram.number, version: 1, procedure: 1 }, 8, 1);
const sockets: net.Socket[] = [];

answerQuestions(async (question: CrowdQuestion) => {
  const wanted = sockets.length + question.connections;
  for (let missing = question.connections; missing > 0; missing = wanted - sockets.length) {
    const some = Array.from({ length: Math.min(AT_ONCE, missing) }, () => connected(question.calls));
    sockets.push(...(await Promise.all(some)));
  }
  return sockets.length;
});

function connected(calls: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    let left = calls;
    const next = (): void => {
      if (left-- > 0) socket.write(call);
      else resolve(socket.off("data", next));
    };
    const socket = net.connect(place, next).on("data", next).once("error", reject);
  });
}
