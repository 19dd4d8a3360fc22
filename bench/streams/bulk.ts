import { join } from "node:path";
import { Child } from "../calls/child.ts";
import type { Place } from "../calls/contender.ts";
import { median, medianRatio } from "../calls/stats.ts";
import { type CarrierName, carrier, carrierNames, type Direction } from "./carrier.ts";
import type { PeerQuestion } from "./peer-process.ts";

/** How fast a carrier moved bytes, and what that cost both processes. */
export interface BulkResult {
  readonly what: string;
  readonly over: "UNIX" | "TCP";
  readonly direction: Direction;
  /** Megabytes (10^6) per second: the median of the rounds. */
  readonly rate: number;
  /** Its rate against that of raw `node:net`: the median of the rounds' ratios. */
  readonly toRaw: number;
  /** Seconds of CPU per gigabyte: client and server. */
  readonly clientCpu: number;
  readonly serverCpu: number;
}

/** Each carrier is at work for so long before it is measured: compiling what runs takes as many gigabytes. */
const WARM_MS = 6000;

/** All carriers in turn, round after round, so that what else the machine does hits all. */
export async function measureBulk(folder: string, bytes: number, rounds: number): Promise<BulkResult[]> {
  const results: BulkResult[] = [];
  for (const over of ["UNIX", "TCP"] as const) {
    for (const direction of ["up", "down"] as const)
      results.push(...(await measure({ over, direction, folder, bytes, rounds })));
  }
  return results;
}

interface Task {
  readonly over: "UNIX" | "TCP";
  readonly direction: Direction;
  readonly folder: string;
  readonly bytes: number;
  readonly rounds: number;
}

interface Racer {
  readonly name: CarrierName;
  readonly client: Child;
  readonly server: Child;
  readonly move: PeerQuestion;
  readonly times: number[];
}

async function measure(task: Task): Promise<BulkResult[]> {
  const racers: Racer[] = [];
  try {
    for (const name of carrierNames) {
      if ((await carrier(name)).directions.includes(task.direction)) racers.push(await racer(name, task));
    }
    return await race(racers, task);
  } finally {
    await Promise.all(
      racers.flatMap(({ client, server }) => [client, server]).map((child) => child[Symbol.asyncDispose]()),
    );
  }
}

async function racer(name: CarrierName, { over, direction, folder, bytes }: Task): Promise<Racer> {
  const server = Child.start("../streams/peer-process.js", [name]);
  const client = Child.start("../streams/peer-process.js", [name]);
  const wanted: Place =
    over === "TCP" ? { host: "127.0.0.1", port: 0 } : { path: join(folder, `${name}-${direction}`) };
  const place = await server.ask<Place>({ ask: "serve", place: wanted } satisfies PeerQuestion);
  const move = { ask: "move", place, direction, bytes } satisfies PeerQuestion;
  for (const begun = performance.now(); performance.now() - begun < WARM_MS; ) {
    await client.ask<number>({ ...move, bytes: bytes / 4 });
  }
  return { name, client, server, move, times: [] };
}

async function race(racers: readonly Racer[], { over, direction, bytes, rounds }: Task): Promise<BulkResult[]> {
  const before = await Promise.all(racers.map(cpuOf));
  for (let round = 0; round < rounds; round++) {
    for (const { client, move, times } of racers) times.push(await client.ask<number>(move));
  }
  const after = await Promise.all(racers.map(cpuOf));
  const gigabytes = (bytes * rounds) / 1e9;
  const raw = racers.find(({ name }) => name === "raw")?.times ?? [];
  return racers.map(({ name, times }, i) => ({
    what: name,
    over,
    direction,
    rate: bytes / 1e3 / median(times),
    toRaw: medianRatio(raw, times),
    clientCpu: ((after[i]?.client ?? Number.NaN) - (before[i]?.client ?? 0)) / 1e6 / gigabytes,
    serverCpu: ((after[i]?.server ?? Number.NaN) - (before[i]?.server ?? 0)) / 1e6 / gigabytes,
  }));
}

async function cpuOf({ client, server }: Racer): Promise<{ client: number; server: number }> {
  return { client: await client.ask<number>({ ask: "cpu" }), server: await server.ask<number>({ ask: "cpu" }) };
}
