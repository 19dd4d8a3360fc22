import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type ProgramClient } from "virnet";
import { Child } from "../calls/child.ts";
import type { Place } from "../calls/contender.ts";
import type { Direction } from "./carrier.ts";
import type { PeerQuestion } from "./peer-process.ts";
import { Bulk, type BulkProcedures, drainSlowly } from "./virnet.ts";

/** How calls fare beside a stream whose reader takes 1 MiB a second, and what that costs in memory. */
export interface SlowReaderResult {
  readonly over: "UNIX" | "TCP";
  readonly direction: Direction;
  /** Milliseconds: the median and the 99th of a hundred, and the median without the stream. */
  readonly median: number;
  readonly worst: number;
  readonly alone: number;
  /** Mebibytes that the resident memory of each process grew by. */
  readonly clientGrowth: number;
  readonly serverGrowth: number;
}

/** What a client measures of itself, and of the server by its process id. */
export interface SlowReaderTask {
  readonly place: Place;
  readonly direction: Direction;
  readonly seconds: number;
  readonly serverPid: number;
}

type Measured = Omit<SlowReaderResult, "over" | "direction">;

const CALL_MS = 20;
const ALONE_SECONDS = 2;
const SETTLE_MS = 1000;
const MIB = 1_048_576;

/** Both carriers and directions at once, each with two processes of its own, for they have little to do. */
export async function measureSlowReaders(folder: string, seconds: number): Promise<SlowReaderResult[]> {
  const ways = (["UNIX", "TCP"] as const).flatMap((over) =>
    (["up", "down"] as const).map((direction) => ({ over, direction })),
  );
  return Promise.all(
    ways.map(async ({ over, direction }) => ({
      over,
      direction,
      ...(await measure(over, direction, folder, seconds)),
    })),
  );
}

async function measure(
  over: SlowReaderResult["over"],
  direction: Direction,
  folder: string,
  seconds: number,
): Promise<Measured> {
  await using server = Child.start("../streams/peer-process.js", ["virnet"]);
  await using client = Child.start("../streams/peer-process.js", ["virnet"]);
  const wanted: Place = over === "TCP" ? { host: "127.0.0.1", port: 0 } : { path: join(folder, `slow-${direction}`) };
  const place = await server.ask<Place>({ ask: "serve", place: wanted } satisfies PeerQuestion);
  const serverPid = await server.ask<number>({ ask: "pid" } satisfies PeerQuestion);
  const task = { place, direction, seconds, serverPid };
  return await client.ask<Measured>({ ask: "slow", task } satisfies PeerQuestion, (seconds + 60) * 1000);
}

/** In the client's process. */
export async function readSlowly({ place, direction, seconds, serverPid }: SlowReaderTask): Promise<Measured> {
  await using client = await connect(place);
  const bulk = client.program(Bulk);
  const call = (): Promise<void> => bulk.nothing();
  for (let i = 0; i < 2000; i++) await call();
  const alone = await timeCalls(call, ALONE_SECONDS, () => {});
  const before = await memory(serverPid);
  const abort = new AbortController();
  const { signal } = abort;
  const work = direction === "down" ? read(bulk, signal) : write(bulk, signal);
  const ended = work.catch(() => {});
  await sleep(SETTLE_MS);
  const most = { client: 0, server: 0 };
  const times = await timeCalls(call, seconds, async () => {
    const now = await memory(serverPid);
    most.client = Math.max(most.client, now.client - before.client);
    most.server = Math.max(most.server, now.server - before.server);
  });
  abort.abort();
  await ended;
  return {
    median: at(times, 0.5),
    worst: at(times, 0.99),
    alone: at(alone, 0.5),
    clientGrowth: most.client / MIB,
    serverGrowth: most.server / MIB,
  };
}

type Readers = ProgramClient<BulkProcedures>;

async function read(bulk: Readers, signal: AbortSignal): Promise<void> {
  const { stream } = await bulk.down({ bytes: 1n << 40n }, { signal });
  await drainSlowly(stream);
}

async function write(bulk: Readers, signal: AbortSignal): Promise<void> {
  const { stream } = await bulk.slowUp(undefined, { signal });
  for (const bytes = new Uint8Array(MIB); ; ) await stream.write(bytes);
}

async function timeCalls(call: () => Promise<void>, seconds: number, look: () => unknown): Promise<number[]> {
  const times: number[] = [];
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await sleep(CALL_MS)) {
    const begun = performance.now();
    await call();
    times.push(performance.now() - begun);
    await look();
  }
  return times.toSorted((a, b) => a - b);
}

function at(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

async function memory(pid: number): Promise<{ client: number; server: number }> {
  const text = await readFile(`/proc/${pid}/status`, "latin1");
  return { client: process.memoryUsage.rss(), server: Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) * 1024 };
}
