/*
 * Peers that stop reading: what they cost in memory, and what they cost others.
 *
 *   npm run stalled
 *
 * A client that never reads floods a server with calls whose answers are large; one is sent small events until it is
 * disconnected; then a server that never reads is flooded by a client of ours. Memory may grow by a fixed amount only, and a
 * good client's calls take as long as without them.
 */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Remote, RemoteDomainEventLifecycle, RemoteDomainGetXmlDescRet } from "@virnet/libvirt/remote";
import { connect } from "virnet";
import { HEADER_BYTES, MessageType } from "virnet/protocol";
import { Server } from "virnet/server";
import { encodeFrame } from "virnet/testing";
import { encodeXdr } from "virnet/xdr";

const ANSWER_BYTES = 1_000_000;
const FLOOD_CALLS = 5000;
const FLOOD_CLIENTS = 4;
const GROWTH_BYTES = 128 * 1_048_576;
const PROBES = 2000;
const MOST_EVENTS = 500_000;

const folder = mkdtempSync(join(tmpdir(), "stalled-"));
try {
  await clientsThatDoNotRead(join(folder, "server.sock"));
  await subscriberThatDoesNotRead(join(folder, "events.sock"));
  await serverThatDoesNotRead(join(folder, "deaf.sock"));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function clientsThatDoNotRead(path: string): Promise<void> {
  const xml = "x".repeat(ANSWER_BYTES);
  const server = new Server({ name: "stalled" }).add(Remote, {
    domainGetXmlDesc: () => ({ xml }),
    connectGetHostname: () => ({ hostname: "fine" }),
  });
  await server.listen({ path });
  const good = await connect({ path });
  const probe = (): Promise<unknown> => good.program(Remote).connectGetHostname();
  const before = await latency(probe);
  const rss = process.memoryUsage().rss;
  const stalled = Array.from({ length: FLOOD_CLIENTS }, () => floodWithoutReading(path));
  const during = await latency(probe);
  const growth = process.memoryUsage().rss - rss;
  const asked = ((FLOOD_CALLS * FLOOD_CLIENTS * ANSWER_BYTES) / 1e9).toFixed(0);
  console.log(
    `${FLOOD_CLIENTS} clients ask for ${asked} GB of answers and read none: ${megabytes(growth)} more memory`,
  );
  console.log(`a good client's call, median: ${before.toFixed(3)} ms before, ${during.toFixed(3)} ms meanwhile`);
  for (const socket of stalled) socket.destroy();
  await good.close();
  await server.close();
  check(growth < GROWTH_BYTES, "the server's memory grew");
}

/** A client by hand: it writes calls, and never reads. */
function floodWithoutReading(path: string): net.Socket {
  const args = { dom: { name: "d", uuid: new Uint8Array(16), id: -1 }, flags: 0 };
  const { number, args: type } = Remote.procedures.domainGetXmlDesc;
  const header = {
    program: Remote.number,
    version: 1,
    procedure: number,
    type: MessageType.CALL,
    serial: 0,
    status: 0,
  };
  const call = encodeFrame(header, type, args);
  const socket = net.connect(path).pause();
  socket.write(Buffer.concat(Array.from({ length: FLOOD_CALLS }, () => call)));
  return socket;
}

async function subscriberThatDoesNotRead(path: string): Promise<void> {
  const server = new Server({ name: "stalled" });
  await server.listen({ path });
  const deaf = net.connect(path).pause();
  await once(deaf, "connect");
  await turn();
  const rss = process.memoryUsage().rss;
  const event = { dom: { name: "d", uuid: new Uint8Array(16), id: 1 }, event: 4, detail: 0 };
  let events = 0;
  let growth = 0;
  for (; [...server.clients].length > 0 && events < MOST_EVENTS; events++) {
    server.broadcast(RemoteDomainEventLifecycle, event);
    for (const client of server.clients) client.emit(RemoteDomainEventLifecycle, event);
    await turn();
    if (events % 1000 === 0) growth = Math.max(growth, process.memoryUsage().rss - rss);
  }
  console.log(`a subscriber that reads nothing: ${events} times two events, ${megabytes(growth)} more memory`);
  deaf.destroy();
  await server.close();
  check(events < MOST_EVENTS, "nobody disconnected it");
  check(growth < GROWTH_BYTES, "the server's memory grew");
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

async function serverThatDoesNotRead(path: string): Promise<void> {
  const deaf = net.createServer({ pauseOnConnect: true }).listen(path);
  const client = await connect({ path }, { limits: { queuedBytes: 16_777_216 } });
  const rss = process.memoryUsage().rss;
  const xml = "x".repeat(ANSWER_BYTES);
  const signal = AbortSignal.timeout(2000);
  const calls = Array.from({ length: 200 }, () => client.program(Remote).domainDefineXml({ xml }, { signal }));
  await turn();
  const { pending, waiting } = client;
  const outcomes = await Promise.allSettled(calls);
  const growth = process.memoryUsage().rss - rss;
  const offered = encodeXdr(RemoteDomainGetXmlDescRet, { xml }).length + HEADER_BYTES;
  console.log(
    `200 calls of ${megabytes(offered)} to a server that does not read: ${pending} on their way, ${waiting} wait,`,
  );
  console.log(`  ${megabytes(growth)} more memory; all ended with their signal`);
  check(outcomes.every(({ status }) => status === "rejected") && waiting > 150, "calls did not wait, or did not end");
  check(growth < GROWTH_BYTES, "the client's memory grew");
  await client.close();
  deaf.close();
}

/** Milliseconds that the median of many calls in a row takes. */
async function latency(call: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < PROBES; n++) {
    const start = performance.now();
    await call();
    times.push(performance.now() - start);
  }
  return times.toSorted((a, b) => a - b)[PROBES / 2] ?? Number.NaN;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function check(holds: boolean, complaint: string): void {
  if (!holds) throw new Error(complaint);
}
