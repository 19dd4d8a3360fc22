/*
 * Connections that come and go: none may leave a descriptor, a child, a listener or a handle behind.
 *
 *   npm run churn -- [COUNT] [URI…]        10,000 of each unless given
 *
 * Without URIs: in every way that one can live and end, over each kind of socket, and over a program. With URIs (of ssh,
 * for instance) to where they lead. Linux.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { Libvirt } from "@virnet/libvirt";
import { loadUnix } from "@virnet/native/unix";
import { connect } from "virnet";
import { churn, grounds } from "./churn.ts";
import { type Possessions, settledPossessions } from "./possessions.ts";

const [count = "10000", ...uris] = process.argv.slice(2);
const cycles = Number(count);

if (uris.length > 0) for (const uri of uris) await judge(uri, () => repeat(() => throughLibvirt(uri)));
else {
  await judgeSockets();
  await judge("a program", () => repeat(throughProgram));
}

async function judgeSockets(): Promise<void> {
  const unix = await loadUnix();
  const folder = mkdtempSync(join(tmpdir(), "churn-"));
  try {
    for (const ground of grounds) await judge(ground, () => churn(ground, { cycles, folder, unix }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Balance {
  readonly before: Possessions;
  readonly after: Possessions;
}

async function judge(name: string, run: () => Promise<Balance>): Promise<void> {
  const start = performance.now();
  const { before, after } = await run();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${name}: ${cycles} connections in ${seconds} s; ${JSON.stringify(before)} before and after`);
  if (!isDeepStrictEqual(before, after)) throw new Error(`${name}: now ${JSON.stringify(after)}`);
}

async function repeat(cycle: (index: number) => Promise<void>): Promise<Balance> {
  // Once, for what is loaded and kept.
  await cycle(0);
  const before = await settledPossessions();
  for (let index = 0; index < cycles; index++) await cycle(index);
  return { before, after: await settledPossessions() };
}

async function throughLibvirt(uri: string): Promise<void> {
  await using hypervisor = await Libvirt.open(uri, { signal: AbortSignal.timeout(60_000) });
  await hypervisor.hostname();
}

/** Nobody answers; every other one ends by itself instead of being closed. */
async function throughProgram(index: number): Promise<void> {
  const ends = index % 2 === 0;
  const client = await connect({ command: ends ? "true" : "cat" }, { keepalive: false });
  if (ends) await client.closed;
  await client.close();
}
