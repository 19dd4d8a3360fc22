/*
 * Millions of calls through connections that fail again and again, and a heap that must not grow.
 *
 *   npm run soak -- [CALLS]                one million unless given
 *
 * Each connection carries a share of the calls: some are aborted, some fail, some wait; then it is cut somewhere, closed
 * by either side, or left alone. Ends with an error when a call does not settle, a table is not empty, or the heap grows.
 */
import { Remote } from "@virnet/libvirt/remote";
import { Client, RpcError } from "virnet";
import { Server } from "virnet/server";
import { type Faults, faulty, memoryPair } from "virnet/testing";
import { Random } from "./random.ts";
import { Tally } from "./tally.ts";

const CALLS_PER_CONNECTION = 5000;
const BURST = 100;
/** Growth of the heap, after collection, from the first tenth of the run to its end. */
const GROWTH_BYTES = 8 * 1_048_576;

const wanted = Number(process.argv[2] ?? 1_000_000);
const collect = (globalThis as { gc?: () => void }).gc;
if (collect === undefined) throw new Error("run with --expose-gc, as npm run soak does");

const random = new Random(7);
const outcomes = new Tally();
const server = new Server({ name: "soak" }).add(Remote, {
  connectGetHostname: () => ({ hostname: "soak" }),
  connectGetUri: () => {
    throw new RpcError("no");
  },
  connectGetLibVersion: async () => ({ libVer: 9_000_000n }),
});

let made = 0;
await run(wanted / 10);
const baseline = heap();
await run(wanted);
await server.close();
const growth = heap() - baseline;
console.log(
  `${made} calls; heap ${(baseline / 1e6).toFixed(1)} MB at a tenth, ${(growth / 1e6).toFixed(2)} MB more at the end`,
);
outcomes.print();
if (growth > GROWTH_BYTES) throw new Error(`the heap grew by ${growth} bytes`);

async function run(until: number): Promise<void> {
  for (; made < until; made += CALLS_PER_CONNECTION) await oneConnection();
}

async function oneConnection(): Promise<void> {
  const [near, far] = memoryPair();
  server.accept(far);
  const client = new Client(faulty(near, nextFaults()));
  for (let n = 0; n < CALLS_PER_CONNECTION; n += BURST) {
    const calls = Array.from({ length: BURST }, () => oneCall(client));
    for (const outcome of await Promise.allSettled(calls)) {
      outcomes.add(outcome.status === "fulfilled" ? "result" : (outcome.reason as Error).name);
    }
  }
  await client.close();
  if (client.pending !== 0 || client.waiting !== 0) throw new Error("calls are left in a closed client");
}

/** Most connections are sound; the others break somewhere. */
function nextFaults(): Faults {
  return random.below(3) === 0 ? { cut: random.below(CALLS_PER_CONNECTION * 40) } : {};
}

function oneCall(client: Client): Promise<unknown> {
  const remote = client.program(Remote);
  const abort = new AbortController();
  switch (random.below(16)) {
    case 0:
      return remote.connectGetUri(undefined, { signal: abort.signal });
    case 1:
      queueMicrotask(() => abort.abort(new RangeError("aborted")));
      return remote.connectGetHostname(undefined, { signal: abort.signal });
    case 2:
      return remote.connectGetLibVersion(undefined, { signal: abort.signal });
    default:
      return remote.connectGetHostname();
  }
}

function heap(): number {
  collect?.();
  return process.memoryUsage().heapUsed;
}
