/*
 * Thousands of connections, made and closed, after which no child, descriptor, timer or listener may be left.
 *
 *   npm run cycles -- [COUNT] [URI…]       10,000 of each unless given
 *
 * Without URIs: over a UNIX socket, TCP and a program, to the stand-in in this process. With URIs (of ssh, for instance) to
 * where they lead. Linux.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Libvirt } from "@virnet/libvirt";
import { startTestd } from "@virnet/testd";
import { connect } from "virnet";

const [count = "10000", ...uris] = process.argv.slice(2);
const cycles = Number(count);
let broken = false;

const folder = await mkdtemp(join(tmpdir(), "virnet-cycles-"));
const path = join(folder, "sock");
const testd = uris.length > 0 ? null : await startTestd({ sockets: [path], listen: [{ host: "127.0.0.1", port: 0 }] });
try {
  for (const uri of [...uris, ...(testd?.uris ?? [])]) await repeat(uri, () => throughLibvirt(uri));
  if (testd !== null) await repeat("cat, as a program", throughProgram);
} finally {
  await testd?.close();
  await rm(folder, { recursive: true });
}

async function repeat(name: string, cycle: () => Promise<void>): Promise<void> {
  await cycle(); // what is loaded on first use stays
  const before = await leftovers();
  const began = performance.now();
  for (let made = 0; made < cycles; made++) await cycle();
  const ms = (performance.now() - began) / cycles;
  const after = await settled(before);
  console.log(
    `${cycles} cycles, ${ms.toFixed(2)} ms each: ${name}: ${JSON.stringify(after)}, before ${JSON.stringify(before)}`,
  );
  if (isMore(after, before)) throw new Error(`${name} leaves something behind`);
}

async function throughLibvirt(uri: string): Promise<void> {
  await using hypervisor = await Libvirt.open(uri, { signal: AbortSignal.timeout(60_000) });
  await hypervisor.hostname();
}

/** Nobody answers; every other one is broken off instead of closed. */
async function throughProgram(): Promise<void> {
  broken = !broken;
  const client = await connect({ command: broken ? "true" : "cat" }, { keepalive: false });
  if (broken) await client.closed;
  await client.close();
}

interface Leftovers {
  readonly children: number;
  readonly descriptors: number;
  readonly resources: number;
  readonly listeners: number;
}

async function leftovers(): Promise<Leftovers> {
  const tasks = await readdir(`/proc/${process.pid}/task`);
  const lists = await Promise.all(tasks.map((task) => readFile(`/proc/${process.pid}/task/${task}/children`, "utf8")));
  return {
    children: lists.join(" ").split(" ").filter(Boolean).length,
    descriptors: (await readdir("/proc/self/fd")).length,
    // Time limits that nobody waits for any more run out by themselves.
    resources: process.getActiveResourcesInfo().filter((kind) => kind !== "Timeout" && !kind.startsWith("FS")).length,
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
  };
}

/** The server's side of the last connection may need a moment. */
async function settled(before: Leftovers): Promise<Leftovers> {
  for (let wait = 0; ; wait++) {
    const now = await leftovers();
    if (!isMore(now, before) || wait === 50) return now;
    await new Promise((later) => setTimeout(later, 100));
  }
}

function isMore(after: Leftovers, before: Leftovers): boolean {
  return (
    after.children > before.children ||
    after.descriptors > before.descriptors ||
    after.resources > before.resources ||
    after.listeners > before.listeners
  );
}
