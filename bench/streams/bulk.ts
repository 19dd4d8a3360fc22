import { join } from "node:path";
import { Child } from "../calls/child.ts";
import type { Place } from "../calls/contender.ts";
import { type CarrierName, carrier, type Direction } from "./carrier.ts";
import type { PeerQuestion } from "./peer-process.ts";

/** How fast a carrier moved bytes, and what that cost both processes. */
export interface BulkResult {
  readonly what: string;
  readonly over: "UNIX" | "TCP";
  readonly direction: Direction;
  /** Megabytes (10^6) per second: the median of the rounds. */
  readonly rate: number;
  /** Seconds of CPU per gigabyte: client and server. */
  readonly clientCpu: number;
  readonly serverCpu: number;
}

/** All carriers in turn, round after round, so that what else the machine does hits all. */
export async function measureBulk(folder: string, bytes: number, rounds: number): Promise<BulkResult[]> {
  const results: BulkResult[] = [];
  for (const over of ["UNIX", "TCP"] as const) {
    const names: readonly CarrierName[] = ["raw", "virnet", "grpc"];
    for (const name of names) {
      const { directions } = await carrier(name);
      for (const direction of directions) results.push(await measure({ name, over, direction, folder, bytes, rounds }));
    }
  }
  return results;
}

interface Task {
  readonly name: CarrierName;
  readonly over: "UNIX" | "TCP";
  readonly direction: Direction;
  readonly folder: string;
  readonly bytes: number;
  readonly rounds: number;
}

async function measure({ name, over, direction, folder, bytes, rounds }: Task): Promise<BulkResult> {
  await using server = Child.start("../streams/peer-process.js", [name]);
  await using client = Child.start("../streams/peer-process.js", [name]);
  const wanted: Place =
    over === "TCP" ? { host: "127.0.0.1", port: 0 } : { path: join(folder, `${name}-${direction}`) };
  const place = await server.ask<Place>({ ask: "serve", place: wanted } satisfies PeerQuestion);
  const move = { ask: "move", place, direction, bytes } satisfies PeerQuestion;
  await client.ask<number>({ ...move, bytes: bytes / 4 });
  const cpu = (): Promise<[number, number]> =>
    Promise.all([client.ask<number>({ ask: "cpu" }), server.ask<number>({ ask: "cpu" })]);
  const before = await cpu();
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) times.push(await client.ask<number>(move));
  const after = await cpu();
  const gigabytes = (bytes * rounds) / 1e9;
  const median = times.toSorted((a, b) => a - b)[rounds >> 1] ?? Number.NaN;
  return {
    what: name,
    over,
    direction,
    rate: bytes / 1e3 / median,
    clientCpu: (after[0] - before[0]) / 1e6 / gigabytes,
    serverCpu: (after[1] - before[1]) / 1e6 / gigabytes,
  };
}
