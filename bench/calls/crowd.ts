import { Child } from "./child.ts";
import type { Place } from "./contender.ts";
import type { CrowdQuestion } from "./crowd-process.ts";
import type { CrowdServerQuestion } from "./crowd-server-process.ts";

export type CrowdServerName = "virnet" | "node:net";

export const crowdServerNames: readonly CrowdServerName[] = ["node:net", "virnet"];

/** Both ends of ten thousand connections need their descriptors. */
const FILES = 20_000;
/** Connections that come and stay before accepting is measured, so that code is compiled. */
const WARM = 300;
const PILE = 2000;

/**
 * Bytes that the server's resident memory grows by per connection that makes one call and falls silent: as an operator
 * sees it, from the server's start on, or what is live of it, after garbage collections.
 */
export async function idleBytes(
  name: CrowdServerName,
  place: Place,
  connections: number,
  collect: boolean,
): Promise<number> {
  await using server = await startServer(name, place);
  await using crowd = startCrowd(place);
  const before = await ask<number>(server, { ask: "rss", collect });
  await connect(crowd, connections, true);
  const after = await ask<number>(server, { ask: "rss", collect });
  return (after - before) / connections;
}

/**
 * Connections accepted per second, of those that piled up while the server was busy with something else: so the speed of
 * those who connect does not count.
 */
export async function acceptRate(name: CrowdServerName, place: Place): Promise<number> {
  await using server = await startServer(name, place);
  await using crowd = startCrowd(place);
  await connect(crowd, WARM, false);
  await pileUp(server, crowd); // the first time is another warm-up
  return (PILE * 1000) / (await pileUp(server, crowd));
}

async function pileUp(server: Child, crowd: Child): Promise<number> {
  const took = ask<number>(server, { ask: "pile", milliseconds: 700, connections: PILE });
  await connect(crowd, PILE, false);
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

function connect(crowd: Child, connections: number, call: boolean): Promise<number> {
  const question: CrowdQuestion = { connections, call };
  return crowd.ask<number>(question);
}
