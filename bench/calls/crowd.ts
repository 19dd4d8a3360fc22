import { Child } from "./child.ts";
import type { Place } from "./contender.ts";
import type { CrowdQuestion } from "./crowd-process.ts";
import type { CrowdServerQuestion } from "./crowd-server-process.ts";
import { median } from "./stats.ts";

export type CrowdServerName = "virnet" | "node:net";

export const crowdServerNames: readonly CrowdServerName[] = ["node:net", "virnet"];

/** Both ends of ten thousand connections need their descriptors. */
const FILES = 20_000;
const PILE = 2000;
/** Piles taken before accepting is measured: the first cost two or three times as much, as code is still being compiled. */
const WARM_PILES = 3;
/** The garbage collector strikes one pile and spares the next. */
const PILES = 4;

/**
 * Bytes that the resident memory of a new server grows by per connection that makes one call and falls silent: from the
 * server's start up to each of `counts`, and from one of them to the next.
 */
export async function idleBytes(
  name: CrowdServerName,
  place: Place,
  counts: readonly number[],
): Promise<{ fromStart: number[]; further: number[] }> {
  await using server = await startServer(name, place);
  await using crowd = startCrowd(place);
  const resident = (): Promise<number> => ask<number>(server, { ask: "rss", collect: false });
  const start = await resident();
  const seen: { count: number; bytes: number }[] = [{ count: 0, bytes: start }];
  for (const count of counts) {
    await connect(crowd, count - (seen.at(-1)?.count ?? 0), 1);
    seen.push({ count, bytes: await resident() });
  }
  const steps = seen.slice(1).map((at, i) => ({ at, before: seen[i] ?? at }));
  return {
    fromStart: steps.map(({ at }) => (at.bytes - start) / at.count),
    further: steps.slice(1).map(({ at, before }) => (at.bytes - before.bytes) / (at.count - before.count)),
  };
}

/**
 * Connections accepted per second of CPU time, of those that piled up while the server was busy with something else: so
 * neither the speed of those who connect counts, nor what else the machine does.
 */
export async function acceptRate(name: CrowdServerName, place: Place): Promise<number> {
  await using server = await startServer(name, place);
  await using crowd = startCrowd(place);
  for (let i = 0; i < WARM_PILES; i++) await pileUp(server, crowd);
  const took: number[] = [];
  for (let i = 0; i < PILES; i++) took.push(await pileUp(server, crowd));
  return (PILE * 1000) / median(took);
}

async function pileUp(server: Child, crowd: Child): Promise<number> {
  const took = ask<number>(server, { ask: "pile", milliseconds: 700, connections: PILE });
  await connect(crowd, PILE, 0);
  return took;
}

async function startServer(name: CrowdServerName, place: Place): Promise<Child> {
  const server = Child.start("crowd-server-process.js", [name], { files: FILES, node: ["--expose-gc"] });
  await ask(server, { ask: "serve", place });
  return server;
}

function startCrowd(place: Place): Child {
  return Child.start("crowd-process.js", [JSON.stringify(place)], { files: FILES });
}

function ask<Answer>(server: Child, question: CrowdServerQuestion): Promise<Answer> {
  return server.ask<Answer>(question);
}

function connect(crowd: Child, connections: number, calls: number): Promise<number> {
  const question: CrowdQuestion = { connections, calls };
  return crowd.ask<number>(question);
}
