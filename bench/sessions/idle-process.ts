/*
 * A child: opens many connections of one kind to a libvirtd, and tells what they cost while they do nothing. Arguments: the
 * kind, how many, and the socket.
 */
import { once } from "node:events";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fleet, Libvirt } from "@virnet/libvirt";
import { answerQuestions } from "../calls/child.ts";

/** What is opened. */
export type IdleKind = "node:net" | "Libvirt" | "Libvirt, reconnect" | "fleet" | "fleet, events";

/** Per connection. */
export interface IdleCost {
  /** Bytes of resident memory. */
  readonly rss: number;
  /** Bytes of the heap, after collection. */
  readonly heap: number;
  /** Microseconds of processor time per second of idling. */
  readonly cpu: number;
}

const AT_ONCE = 50;
const IDLE_MS = 5000;

const [kind = "", count = "", socket = ""] = process.argv.slice(2);
const collect = (globalThis as { gc?: () => void }).gc;
/** Until the process ends. */
const kept: unknown[] = [];

answerQuestions(async (): Promise<IdleCost> => {
  const wanted = Number(count);
  await open(20); // so that code is loaded and compiled
  const before = used();
  await open(wanted);
  await sleep(1000);
  const after = used();
  const cpu = process.cpuUsage();
  await sleep(IDLE_MS);
  const { user, system } = process.cpuUsage(cpu);
  return {
    rss: (after.rss - before.rss) / wanted,
    heap: (after.heapUsed - before.heapUsed) / wanted,
    cpu: (user + system) / wanted / (IDLE_MS / 1000),
  };
});

function used(): NodeJS.MemoryUsage {
  collect?.();
  collect?.();
  return process.memoryUsage();
}

async function open(wanted: number): Promise<void> {
  if (kind.startsWith("fleet")) return openFleet(wanted);
  for (let left = wanted; left > 0; left -= AT_ONCE) {
    kept.push(...(await Promise.all(Array.from({ length: Math.min(AT_ONCE, left) }, openOne))));
  }
}

async function openOne(): Promise<unknown> {
  if (kind !== "node:net") return Libvirt.open(uriOf(0), { reconnect: kind === "Libvirt, reconnect" });
  const connection = net.connect(`${socket}.0`);
  await once(connection, "connect");
  return connection;
}

async function openFleet(wanted: number): Promise<void> {
  const hosts = fleet(Array.from({ length: wanted }, (_, i) => uriOf(i)));
  kept.push(hosts);
  if (kind === "fleet, events") kept.push(hosts.events({ kinds: ["domain-lifecycle"] }));
  await Promise.all([...hosts.hosts.values()].map(async ({ libvirt }) => libvirt.session?.opened()));
}

/** Hosts differ by their URI, so the socket has many names. */
function uriOf(host: number): string {
  return `test+unix:///default?socket=${socket}.${host}`;
}
