/*
 * A fleet of testd, of which a third is killed and restarted all the time.
 *
 *   npm run fleet -- [HOSTS] [MINUTES] [PER_PROCESS] [SEED]       200 hosts, ten minutes, five testd to a process, unless given
 *
 * Ends with an error when a host does not come back, when an event that is raised on a host does not reach the one iteration
 * over all, when a host that was never killed loses its session or answers late, or when memory grows.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Fleet, type FleetHost, fleet } from "@virnet/libvirt";
import { heapUsed, megabytes } from "./heap.ts";
import { MortalTestd, uriOf } from "./mortal.ts";
import { Random } from "./random.ts";
import { Tally } from "./tally.ts";

const BACK_MS = 60_000;
const GROWTH_BYTES = 16 * 1_048_576;

const [count = 200, minutes = 10, perProcess = 5, seed = 7] = process.argv.slice(2).map(Number);
const random = new Random(seed);
const heard = new Map<string, number>();
const kinds = new Tally();
let kills = 0;
let probes = 0;
let slowest = 0;

const folder = mkdtempSync(join(tmpdir(), "fleet-"));
const sockets = Array.from({ length: count }, (_, i) => join(folder, `${i}`));
const groups = Array.from({ length: Math.ceil(count / perProcess) }, (_, i) =>
  sockets.slice(i * perProcess, (i + 1) * perProcess),
);
const processes = groups.map((group) => new MortalTestd(group, { ahead: false }));
try {
  for (const one of processes) await one.start();
  await run();
} finally {
  await Promise.all(processes.map((one) => one.close()));
  rmSync(folder, { recursive: true, force: true });
}

async function run(): Promise<void> {
  const since = performance.now();
  const hosts = fleet(sockets.map(uriOf), { reconnect: { backoff: { initial: 50, max: 2000, stable: 0 } } });
  const reading = read(hosts);
  await Promise.all([...hosts.hosts.values()].map(opened));
  console.log(`${count} hosts open after ${(performance.now() - since).toFixed(0)} ms`);
  const end = performance.now() + minutes * 60_000;
  const mortal = Math.ceil(groups.length / 3);
  const killing = Array.from({ length: Math.min(3, mortal) }, (_, i) => killer(hosts, i, mortal, end));
  const [heaps] = await Promise.all([measure(end), prober(hosts, mortal * perProcess, end), ...killing]);
  await Promise.all([...hosts.hosts.values()].map((host) => raise(host)));
  const lost = [...hosts.hosts.values()].slice(mortal * perProcess).filter(({ state }) => !isFirst(state));
  await hosts.close();
  await reading;
  console.log(`${kills} kills of ${mortal} of ${groups.length} processes with ${perProcess} testd each`);
  console.log(`${probes} calls of hosts that were left alone, the slowest took ${slowest.toFixed(0)} ms`);
  kinds.print();
  if (lost.length > 0) throw new Error(`${lost.length} hosts lost their session though they were left alone`);
  const growth = (heaps.at(-1) ?? 0) - (heaps[0] ?? 0);
  console.log(`heap ${megabytes(heaps[0] ?? 0)} at the first measurement, ${megabytes(growth)} more at the last`);
  if (growth > GROWTH_BYTES) throw new Error(`the heap grew by ${growth} bytes`);
}

async function read(hosts: Fleet): Promise<void> {
  for await (const { host, item } of hosts.events({ kinds: ["domain-lifecycle"] })) {
    kinds.add(item.kind);
    if (item.kind === "domain-lifecycle") heard.set(host.uri, (heard.get(host.uri) ?? 0) + 1);
  }
}

/** Kills every third of those processes that may die, in turn with the other killers, so that no two meet. */
async function killer(hosts: Fleet, mine: number, mortal: number, end: number): Promise<void> {
  while (performance.now() < end) {
    const which = mine + 3 * random.below(Math.ceil((mortal - mine) / 3));
    const one = processes[which];
    if (one === undefined) throw new RangeError(`there is no process ${which}`);
    await one.kill();
    kills++;
    await sleep(random.below(3000));
    await one.start();
    for (const socket of groups[which] ?? []) await raise(hosts.hosts.get(uriOf(socket)));
    await sleep(random.below(1000));
  }
}

function opened({ libvirt }: FleetHost): Promise<void> {
  return libvirt.session?.opened({ signal: AbortSignal.timeout(BACK_MS) }) ?? Promise.resolve();
}

/** The host is there, and what it raises is heard. */
async function raise(host: FleetHost | undefined): Promise<void> {
  if (host === undefined) throw new RangeError("there is no such host");
  const before = heard.get(host.uri) ?? 0;
  const limit = AbortSignal.timeout(BACK_MS);
  await opened(host);
  const domain = await host.libvirt.domainByName("test", { signal: limit, retry: "safe" });
  await domain.suspend({ signal: limit });
  await domain.resume({ signal: limit });
  while ((heard.get(host.uri) ?? 0) === before) {
    if (limit.aborted) throw new Error(`what ${host.uri} raised is not heard`);
    await sleep(5);
  }
}

/** Hosts that are left alone answer as ever. */
async function prober(hosts: Fleet, from: number, end: number): Promise<void> {
  while (performance.now() < end) {
    const host = hosts.hosts.get(uriOf(sockets[from + random.below(count - from)] ?? ""));
    const since = performance.now();
    await host?.libvirt.hostname({ signal: AbortSignal.timeout(BACK_MS) });
    slowest = Math.max(slowest, performance.now() - since);
    probes++;
    await sleep(100);
  }
}

function isFirst(state: FleetHost["state"]): boolean {
  return state.state === "open" && state.times === 1;
}

/** Twenty times in all. */
async function measure(end: number): Promise<readonly number[]> {
  const step = (end - performance.now()) / 20;
  const heaps: number[] = [];
  while (heaps.length < 20) {
    await sleep(step);
    heaps.push(heapUsed());
    const rss = megabytes(process.memoryUsage().rss);
    console.log(`${kills} kills, heap ${megabytes(heaps.at(-1) ?? 0)}, RSS ${rss}`);
  }
  return heaps;
}
