/*
 * A server that is killed again and again, under fifty callers and five subscriptions of one session.
 *
 *   npm run sessions -- [libvirtd|testd] [KILLS] [SEED]       200 of libvirtd, 2000 of testd, unless given
 *
 * Each kill comes at a random moment: amid calls, while the session connects, opens or registers. Ends with an error when a
 * call hangs or fails in an undocumented way, when a subscription does not hear an event raised after a return, when
 * something is left at the end, or when the heap grows.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Domain, type Events, Libvirt } from "@virnet/libvirt";
import { ConnectionError, RpcError } from "virnet";
import { heapUsed, megabytes } from "./heap.ts";
import { type Mortal, MortalLibvirtd, MortalTestd, uriOf } from "./mortal.ts";
import { Random } from "./random.ts";
import { Tally } from "./tally.ts";

const CALLERS = 50;
const GROWTH_BYTES = 8 * 1_048_576;
const HANG_MS = 60_000;
const DEAF_MS = 30_000;

const [peer = "testd", kills = peer === "libvirtd" ? "200" : "2000", seed = "7"] = process.argv.slice(2);
if (peer !== "testd" && peer !== "libvirtd") throw new TypeError(`${peer} is neither testd nor libvirtd`);
const random = new Random(Number(seed));
const outcomes = new Tally();
/** Items of subscriptions besides events. */
const told = new Tally();
const heaps: number[] = [];
const times: number[] = [];
const stop = new AbortController();
let calls = 0;

const folder = mkdtempSync(join(tmpdir(), "sessions-"));
const socket = peer === "libvirtd" ? join(folder, "run", "libvirt-sock") : join(folder, "sock");
const testd = peer === "testd" ? new MortalTestd([socket]) : undefined;
const mortal: Mortal = testd ?? new MortalLibvirtd(folder);
try {
  await mortal.start();
  await run();
} finally {
  await mortal.kill();
  await testd?.close();
  rmSync(folder, { recursive: true, force: true });
}
report();

async function run(): Promise<void> {
  const libvirt = await Libvirt.open(uriOf(socket), {
    reconnect: { fromStart: true, backoff: { initial: 5, max: 100, stable: 0 }, limits: { waitMs: HANG_MS / 2 } },
    signal: AbortSignal.timeout(HANG_MS),
  });
  const domain = await libvirt.domainByName("test");
  const listeners = subscriptions(libvirt, domain).map(listen);
  const callers = Array.from({ length: CALLERS }, () => caller(libvirt, domain));
  for (let kill = 1; kill <= Number(kills); kill++) {
    await sleep(random.below(random.below(3) === 0 ? 30 : 300));
    await mortal.kill();
    await mortal.start();
    if (random.below(4) !== 0) await everybodyHears(libvirt, domain, listeners);
    if (kill % Math.ceil(Number(kills) / 10) === 0) note(kill);
  }
  await everybodyHears(libvirt, domain, listeners);
  stop.abort();
  await Promise.all(callers);
  await libvirt.close();
  await Promise.all(listeners.map(({ ended }) => ended));
  nothingIsLeft(libvirt);
}

function subscriptions(libvirt: Libvirt, domain: Domain): Events[] {
  return [
    libvirt.events({ kinds: ["domain-lifecycle"] }),
    libvirt.events({ kinds: ["domain-lifecycle"], domain }),
    libvirt.events({ kinds: ["domain-lifecycle", "domain-reboot"], overflow: "block" }),
    libvirt.events({ kinds: ["domain", "network"], overflow: "dropOldest" }),
    libvirt.events(),
  ];
}

/** One subscription that is read, and what came. */
interface Listener {
  heard: number;
  readonly ended: Promise<void>;
}

function listen(events: Events): Listener {
  const listener = { heard: 0, ended: Promise.resolve() };
  listener.ended = (async () => {
    for await (const { kind } of events) {
      if (kind === "domain-lifecycle") listener.heard++;
      else if (kind === "resync" || kind === "lagged") told.add(kind);
    }
  })();
  return listener;
}

/** The session comes back, and an event that is raised then reaches every subscription. */
async function everybodyHears(libvirt: Libvirt, domain: Domain, listeners: readonly Listener[]): Promise<void> {
  const since = performance.now();
  const before = await raised(libvirt, domain, listeners);
  times.push(performance.now() - since);
  while (listeners.some(({ heard }, i) => heard === before[i])) {
    if (performance.now() - since > DEAF_MS) throw new Error("a subscription is deaf");
    await sleep(2);
  }
}

/** Raises an event over the new connection; the end of the old one may not have come yet. Gives what was heard before. */
async function raised(libvirt: Libvirt, domain: Domain, listeners: readonly Listener[]): Promise<readonly number[]> {
  const limit = AbortSignal.timeout(DEAF_MS);
  for (;;) {
    await libvirt.session?.opened({ signal: limit });
    const before = listeners.map(({ heard }) => heard);
    try {
      await domain.suspend({ signal: limit });
      await domain.resume({ signal: limit });
      return before;
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
    }
  }
}

async function caller(libvirt: Libvirt, domain: Domain): Promise<void> {
  while (!stop.signal.aborted) {
    await watched(oneCall(libvirt, domain));
    await sleep(random.below(40));
  }
}

function oneCall(libvirt: Libvirt, domain: Domain): Promise<unknown> {
  const abort = new AbortController();
  const options = { signal: abort.signal };
  switch (random.below(10)) {
    case 0:
      setTimeout(() => abort.abort(new RangeError("aborted")), random.below(5));
      return libvirt.hostname(options);
    case 1:
      return domain.xml();
    case 2:
      return libvirt.domains({ retry: "safe" });
    case 3:
      return libvirt.domainByName("nosuch");
    case 4:
      return libvirt.remote.connectGetHostname(undefined, { retry: "safe" });
    case 5:
      return domain.screenshot();
    default:
      return domain.state();
  }
}

async function watched(call: Promise<unknown>): Promise<void> {
  calls++;
  const timer = setTimeout(() => {
    throw new Error("a call hangs");
  }, HANG_MS);
  try {
    await call;
    outcomes.add("result");
  } catch (error) {
    outcomes.add(nameOf(error));
  } finally {
    clearTimeout(timer);
  }
}

function nameOf(error: unknown): string {
  if (error instanceof ConnectionError && error.delivery !== null) return `ConnectionError, ${error.delivery}`;
  if (error instanceof RpcError || (error instanceof RangeError && error.message === "aborted")) return error.name;
  throw new Error("a call failed in an undocumented way", { cause: error });
}

function note(kill: number): void {
  heaps.push(heapUsed());
  console.log(`${kill} kills, ${calls} calls, heap ${megabytes(heaps.at(-1) ?? 0)}`);
}

function nothingIsLeft(libvirt: Libvirt): void {
  const { client, session } = libvirt;
  const left = [client.pending, client.waiting, client.streams, session?.waiting ?? 0];
  if (left.some((count) => count > 0)) throw new Error(`calls or streams are left: ${left.join(", ")}`);
  const timers = process.getActiveResourcesInfo().filter((name) => name === "Timeout");
  // Those of aborted calls that have come to their end before.
  if (timers.length > CALLERS) throw new Error(`${timers.length} timers are left`);
}

function report(): void {
  const growth = (heaps.at(-1) ?? 0) - (heaps[0] ?? 0);
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number): string => `${(sorted[Math.floor(part * (sorted.length - 1))] ?? 0).toFixed(0)} ms`;
  console.log(`${peer}: ${kills} kills, ${calls} calls, ${times.length} returns proven`);
  console.log(`open after the server's start: median ${at(0.5)}, 99 % ${at(0.99)}, longest ${at(1)}`);
  console.log(`heap ${megabytes(heaps[0] ?? 0)} at a tenth, ${megabytes(growth)} more at the end`);
  outcomes.print();
  told.print();
  if (growth > GROWTH_BYTES) throw new Error(`the heap grew by ${growth} bytes`);
}
