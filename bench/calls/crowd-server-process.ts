/* A child: a server that crowds connect to. Argument: `virnet` or `node:net`. */
import { subscribe } from "node:diagnostics_channel";
import net from "node:net";
import { answerQuestions } from "./child.ts";
import type { Place } from "./contender.ts";
import { benchServer } from "./contenders/virnet.ts";
import { listening } from "./pipe.ts";

export type CrowdServerQuestion =
  | { readonly ask: "serve"; readonly place: Place }
  /** Tells the bytes resident: as they are, or after garbage collection. */
  | { readonly ask: "rss"; readonly collect: boolean }
  /** Lets connections pile up for so long, then tells in how many milliseconds of CPU time it took that many. */
  | { readonly ask: "pile"; readonly milliseconds: number; readonly connections: number };

const accepted = { count: 0 };

answerQuestions((question: CrowdServerQuestion) => {
  switch (question.ask) {
    case "serve":
      return process.argv[2] === "virnet" ? serveVirnet(question.place) : serveBare(question.place);
    case "rss":
      return resident(question.collect);
    case "pile":
      return pile(question.milliseconds, question.connections);
  }
});

async function serveVirnet(place: Place): Promise<Place> {
  subscribe("virnet:server:client:opened", () => accepted.count++);
  await benchServer().listen(place, { backlog: 4096 });
  return place;
}

/** As Node's documentation has it: an echo server on `data` events. */
function serveBare(place: Place): Promise<Place> {
  const server = net.createServer((socket) => {
    accepted.count++;
    socket.on("error", () => {}).on("data", (chunk) => socket.write(chunk));
  });
  return listening(server, place);
}

function resident(collect: boolean): number {
  const times = collect ? 3 : 0;
  for (let i = 0; i < times; i++) globalThis.gc?.();
  return process.memoryUsage.rss();
}

async function pile(milliseconds: number, connections: number): Promise<number> {
  const before = accepted.count;
  await turn(); // the parent hears of the question before this thread stands still
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
  const began = performance.now();
  const spent = process.cpuUsage();
  while (accepted.count - before < connections) {
    await turn();
    if (performance.now() - began > 10_000) throw new Error(`only ${accepted.count - before} have come`);
  }
  await turn(); // what accepting has put off
  const { user, system } = process.cpuUsage(spent);
  return (user + system) / 1000;
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
