/* TLS: bulk, pipelined calls and handshakes, beside node:tls by itself; bulk and calls beside libvirt's own. */
import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { fileURLToPath } from "node:url";
import { type Client, connect } from "virnet";
import { pkiFiles } from "virnet/tls";
import { BenchProgram } from "./calls/bench-program.ts";
import { FrameCounter } from "./calls/frames.ts";
import { benchOptions } from "./options.ts";
import { moveBulk } from "./streams/virnet.ts";
import { measureTlsCalls, type TlsCallResult } from "./tls/libvirt-calls.ts";
import { withTlsPeers } from "./tls/peers.ts";
import { flood, framesOf, wish } from "./tls/raw.ts";
import { measureTlsVolumes, type TlsVolumeResult } from "./tls/volumes.ts";

interface Ports {
  readonly virnet: number;
  readonly raw: number;
}

/** One of our rates beside another's. */
interface Comparison {
  readonly what: string;
  readonly yardstick: string;
  readonly theirs: number;
  readonly ours: number;
  readonly ratio: number;
  /** The least ratio that will do; 0 for any. */
  readonly wanted: number;
}

const MIB = 2 ** 20;
const { quick, json } = benchOptions();
const plan = quick
  ? { rounds: 3, bytes: 256 * MIB, milliseconds: 500, handshakes: 50, volume: 128 * MIB }
  : { rounds: 5, bytes: 1024 * MIB, milliseconds: 1000, handshakes: 200, volume: 512 * MIB };
const testd = fileURLToPath(new URL("../../packages/testd/dist/bin.js", import.meta.url));
const testbed = fileURLToPath(new URL("../../interop/testbed/", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "bench-tls-"));
await makePki();
const child = fork(fileURLToPath(new URL("tls/server-process.js", import.meta.url)), [folder]);
const [ports] = (await once(child, "message")) as [Ports]; // what the child sends, once
const credentials = { ...(await pkiFiles(folder, "client")), host: "kvm1.example.org" };
const pem = { ca: await file("cacert.pem"), cert: await file("clientcert.pem"), key: await file("clientkey.pem") };
const ways: Readonly<
  Record<string, readonly [raw: () => Promise<number>, ours: () => Promise<number>, wanted: number]>
> = {
  "bulk up, MB/s": [() => rawBulk("up"), () => ourBulk("up"), 0.85],
  "bulk down, MB/s": [() => rawBulk("down"), () => ourBulk("down"), 0.85],
  "calls/s, 64 at a time": [() => rawCalls(64), () => ourCalls(64), 0.7],
  "calls/s, 256 at a time": [() => rawCalls(256), () => ourCalls(256), 0.7],
  "handshakes/s": [() => rawHandshakes(false), ourHandshakes, 0],
  "handshakes/s, raw ones resumed": [() => rawHandshakes(true), ourHandshakes, 0],
};
try {
  const found: Comparison[] = [];
  for (const [what, [raw, ours, wanted]] of Object.entries(ways)) {
    const pairs: { readonly raw: number; readonly ours: number }[] = [];
    for (let round = 0; round < plan.rounds; round++) pairs.push({ raw: await raw(), ours: await ours() });
    const theirs = median(pairs.map((pair) => pair.raw));
    found.push(compared(what, "node:tls", theirs, median(pairs.map((pair) => pair.ours)), wanted));
  }
  const beside = await withTlsPeers(testd, testbed, async (places, files) => [
    ...besideVirsh(found, await measureTlsVolumes(places, { bytes: plan.volume, rounds: plan.rounds })),
    ...besideLibvirt(await measureTlsCalls(places, files, plan)),
  ]);
  const all = [...found, ...(beside ?? [])];
  if (json) console.log(JSON.stringify(all));
  else for (const one of all) print(one);
  if (!json && beside === undefined) console.log("  left out, as libvirtd or virsh is not installed: both beside us");
} finally {
  child.disconnect();
  await rm(folder, { recursive: true });
}

/** What virsh and libvirtd do with a volume of a file is the yardstick, for our bare streams too. */
function besideVirsh(found: readonly Comparison[], volumes: readonly TlsVolumeResult[]): Comparison[] {
  return (["up", "down"] as const).flatMap((direction) => {
    const volumeRate = (client: string, server: string): number =>
      volumes.find((one) => one.client === client && one.server === server && one.direction === direction)?.rate ??
      Number.NaN;
    const yardstick = volumeRate("virsh", "libvirtd");
    if (Number.isNaN(yardstick)) return [];
    const beside = (what: string, ours: number, wanted: number): Comparison =>
      compared(`${what} ${direction}, MB/s`, "virsh, libvirtd", yardstick, ours, wanted);
    const bulk = found.find(({ what }) => what === `bulk ${direction}, MB/s`)?.ours ?? Number.NaN;
    return [
      beside("bulk", bulk, 2.5),
      beside("volume, our client with testd,", volumeRate("virnet", "testd"), 0),
      beside("volume, our client with libvirtd,", volumeRate("virnet", "libvirtd"), 0),
      beside("volume, virsh with testd,", volumeRate("virsh", "testd"), 0),
    ];
  });
}

/** What libvirt's client gets from libvirtd, with a thread per call, is the yardstick. */
function besideLibvirt(calls: readonly TlsCallResult[]): Comparison[] {
  return calls
    .filter((one) => !isYardstick(one))
    .map((one) => {
      const { client, server, outstanding } = one;
      const theirs = calls.find((other) => isYardstick(other) && other.outstanding === outstanding);
      const what = `calls/s, ${client === "virnet" ? "our client" : client} with ${server}, ${outstanding} at a time`;
      return compared(what, "libvirt", theirs?.rate ?? Number.NaN, one.rate, 0);
    });
}

function isYardstick({ client, server }: TlsCallResult): boolean {
  return client === "libvirt.so" && server === "libvirtd";
}

function compared(what: string, yardstick: string, theirs: number, ours: number, wanted: number): Comparison {
  return { what, yardstick, theirs, ours, ratio: ours / theirs, wanted };
}

/** By the recipe that we give to others. */
async function makePki(): Promise<void> {
  const text = await readFile(new URL("../../docs/pki.md", import.meta.url), "utf8");
  const recipe = /^```sh\n(.*?)^```/ms.exec(text)?.[1] ?? "false";
  execFileSync("bash", ["-euc", recipe], { cwd: folder, stdio: "ignore" });
}

function file(name: string): Promise<string> {
  return readFile(join(folder, name), "utf8");
}

function open(): Promise<Client> {
  return connect({ host: "127.0.0.1", port: ports.virnet }, { tls: credentials });
}

async function ourBulk(direction: "up" | "down"): Promise<number> {
  await using client = await open();
  return await rate(() => moveBulk(client, direction, plan.bytes));
}

async function rawBulk(direction: "up" | "down"): Promise<number> {
  let left = direction === "down" ? plan.bytes : 1;
  let done = nothing;
  const socket = await openRaw((size) => {
    left -= size;
    if (left <= 0) done();
  });
  const measured = await rate(async () => {
    const finished = new Promise<void>((resolve) => {
      done = resolve;
    });
    socket.write(wish(direction, plan.bytes));
    if (direction === "up") setImmediate(() => flood(socket, plan.bytes));
    await finished;
  });
  socket.destroy();
  return measured;
}

async function rate(run: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await run();
  return plan.bytes / 1000 / (performance.now() - begun);
}

async function ourCalls(outstanding: number): Promise<number> {
  await using client = await open();
  const { pair } = client.program(BenchProgram);
  const until = performance.now() + plan.milliseconds;
  let calls = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() < until) {
      await pair({ left: calls++, right: 2 });
    }
  };
  await Promise.all(Array.from({ length: outstanding }, caller));
  return (calls * 1000) / plan.milliseconds;
}

/** Frames are counted and nothing is read in them; as many leave as have come back. */
async function rawCalls(outstanding: number): Promise<number> {
  const frames = framesOf(outstanding);
  const size = frames.length / outstanding;
  const counter = new FrameCounter();
  let calls = 0;
  const until = performance.now() + plan.milliseconds;
  let done = nothing;
  const finished = new Promise<void>((resolve) => {
    done = resolve;
  });
  const socket = await openRaw((_, chunk) => {
    const answered = counter.push(chunk);
    calls += answered;
    if (performance.now() >= until) done();
    else if (answered > 0) socket.write(frames.subarray(0, answered * size));
  });
  socket.write(wish("echo", 0));
  setTimeout(() => void socket.write(frames), 20); // the wish is a message of its own
  await finished;
  socket.destroy();
  return (calls * 1000) / plan.milliseconds;
}

async function ourHandshakes(): Promise<number> {
  const begun = performance.now();
  for (let i = 0; i < plan.handshakes; i++) await (await open()).close();
  return (plan.handshakes * 1000) / (performance.now() - begun);
}

async function rawHandshakes(resumed: boolean): Promise<number> {
  const session = resumed ? await ticket() : undefined;
  const begun = performance.now();
  for (let i = 0; i < plan.handshakes; i++) (await openRaw(nothing, session)).destroy();
  return (plan.handshakes * 1000) / (performance.now() - begun);
}

async function ticket(): Promise<Buffer> {
  const socket = await openRaw(nothing);
  const [session] = (await once(socket, "session")) as [Buffer];
  socket.destroy();
  return session;
}

async function openRaw(receive: (size: number, chunk: Uint8Array) => void, session?: Buffer): Promise<tls.TLSSocket> {
  const buffer = new Uint8Array(262_144);
  const callback = (size: number): boolean => {
    receive(size, buffer.subarray(0, size));
    return true;
  };
  const onread = { buffer, callback };
  const where = { host: "127.0.0.1", port: ports.raw, servername: "kvm1.example.org", onread };
  const socket = tls.connect({ ...pem, ...where, ...(session && { session }) });
  await once(socket, "secureConnect");
  socket.setNoDelay(true);
  return socket;
}

function nothing(): void {}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function print({ what, yardstick, theirs, ours, ratio, wanted }: Comparison): void {
  const verdict = wanted === 0 ? "" : ratio >= wanted ? `reached (${wanted})` : `missed (${wanted})`;
  const measured = `${yardstick.padEnd(15)} ${theirs.toFixed(0).padStart(8)}   ours ${ours.toFixed(0).padStart(8)}`;
  console.log(`  ${what.padEnd(46)} ${measured}   ${ratio.toFixed(2)} x ${verdict}`);
}
