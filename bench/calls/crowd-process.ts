/* A child: many clients that connect, and then do nothing. Argument: where. */
import net from "node:net";
import { BenchProgram } from "./bench-program.ts";
import { answerQuestions } from "./child.ts";
import type { Place } from "./contender.ts";
import { callFrames } from "./frames.ts";

export interface CrowdQuestion {
  readonly connections: number;
  /** Whether each makes one call before it falls silent. */
  readonly call: boolean;
}

const AT_ONCE = 50;

const place = JSON.parse(process.argv[2] ?? "") as Place; // written by the parent
const call = callFrames({ program: BenchProgram.number, version: 1, procedure: 1 }, 8, 1);
const sockets: net.Socket[] = [];

answerQuestions(async (question: CrowdQuestion) => {
  const wanted = sockets.length + question.connections;
  for (let missing = question.connections; missing > 0; missing = wanted - sockets.length) {
    const some = Array.from({ length: Math.min(AT_ONCE, missing) }, () => connected(question.call));
    sockets.push(...(await Promise.all(some)));
  }
  return sockets.length;
});

function connected(calling: boolean): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(place, () => {
      if (calling) socket.once("data", () => resolve(socket)).write(call);
      else resolve(socket);
    });
    socket.once("error", reject);
  });
}
