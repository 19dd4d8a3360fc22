/*
 * Feeds mutated frames of recorded sessions to a server and to a client, both with all of libvirt's programs.
 *
 *   npm run fuzz -- [FRAMES] [SEED]        frames for each side (200,000 unless given)
 *
 * Only documented reactions are allowed. A server answers each call once and nothing else, and closes for a false length
 * only; a client settles calls, or closes because the server broke the protocol. Anything else ends the run with an error.
 */
import { Admin } from "@virnet/libvirt/admin";
import { Lxc } from "@virnet/libvirt/lxc";
import { Qemu } from "@virnet/libvirt/qemu";
import { Remote, RemoteDomainEventCallbackLifecycle } from "@virnet/libvirt/remote";
import { Client, ConnectionError, type Program, RpcError, XdrError } from "virnet";
import { decodeHeader, type MessageHeader, MessageStatus, MessageType } from "virnet/protocol";
import { Server } from "virnet/server";
import { mutated, readCorpus, withLength } from "./frames.ts";
import { Pipe } from "./pipe.ts";
import { Random } from "./random.ts";
import { Tally } from "./tally.ts";

const FRAMES_PER_LINK = 256;
const CALLS_PER_CLIENT = 64;
/** Replies are what is fuzzed at a client: whatever the arguments are, nothing is sent of them. */
const nothing = { encode() {}, decode() {} };
const programs: readonly Program<object>[] = [Remote, Qemu, Lxc, Admin];

const frames = Number(process.argv[2] ?? 200_000);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
const corpus = readCorpus();
console.log(`seed ${seed}; ${corpus.toServer.length} frames to servers, ${corpus.toClient.length} to clients`);
report("server", await fuzzServer(new Random(seed)));
report("client", await fuzzClient(new Random(seed + 1)));

async function fuzzServer(random: Random): Promise<Tally> {
  const tally = new Tally();
  const server = refusingServer(tally);
  for (let fed = 0; fed < frames; fed += FRAMES_PER_LINK) {
    let answers = 0;
    let calls = 0;
    const pipe = new Pipe((bytes) => {
      answers += repliesIn(bytes);
    });
    server.accept(pipe);
    for (let n = 0; n < FRAMES_PER_LINK; n++) {
      const frame = withoutDescriptors(mutated(corpus.toServer, random));
      calls += decodeHeader(frame, 0).type === MessageType.CALL ? 1 : 0;
      pipe.feed(frame);
    }
    await turn();
    expect(pipe.ending === undefined, `a true length, and yet: ${pipe.ending?.message}`);
    expect(answers === calls, `${calls} calls, ${answers} answers`);
    tally.add("calls answered", calls);
    tally.add("others dropped", FRAMES_PER_LINK - calls);
    feedFalseLength(pipe, random, tally);
  }
  await server.close({ signal: AbortSignal.timeout(10) });
  return tally;
}

/** A call that announces descriptors ends the connection, rightly; it has tests of its own. */
function withoutDescriptors(frame: Uint8Array): Uint8Array {
  const { type } = decodeHeader(frame, 0);
  if (type === MessageType.CALL_WITH_FDS) new DataView(frame.buffer).setUint32(16, MessageType.CALL);
  return frame;
}

/** The server closes, or waits for the rest; it never lives on in another rhythm without telling. */
function feedFalseLength(pipe: Pipe, random: Random, tally: Tally): void {
  pipe.feed(withLength(mutated(corpus.toServer, random), random.below(0xffff_ffff)));
  if (pipe.ending === undefined) pipe.destroy(new ConnectionError("the fuzzer has seen enough", "closed"));
  expect(pipe.ending?.reason !== "error", `a false length led to: ${pipe.ending?.message}`);
  tally.add(`false length: ${pipe.ending?.reason === "protocol" ? "closed" : "waited for more"}`);
}

/** Decodes every argument there is, and refuses. */
function refusingServer(tally: Tally): Server {
  const refuse = (): never => {
    tally.add("arguments decoded");
    throw new RpcError("refused");
  };
  const limits = { clientRequests: FRAMES_PER_LINK };
  const server = new Server({ name: "fuzz", limits, onHandlerError: ({ error }) => fail(String(error)) });
  for (const program of programs) {
    server.add(program, Object.fromEntries(Object.keys(program.procedures).map((name) => [name, refuse])));
  }
  return server;
}

async function fuzzClient(random: Random): Promise<Tally> {
  const tally = new Tally();
  for (let fed = 0; fed < frames; ) {
    const pipe = new Pipe(() => {});
    const client = new Client(pipe);
    const events = client.events(RemoteDomainEventCallbackLifecycle, { limit: 4, overflow: "dropOldest" });
    const { headers, calls } = beginCalls(client, random);
    while (pipe.ending === undefined && client.pending > 0 && fed < frames) {
      pipe.feed(random.below(32) === 0 ? mutated(corpus.toClient, random) : reply(headers, random));
      fed++;
    }
    if (pipe.ending === undefined) pipe.destroy(new ConnectionError("the fuzzer has seen enough", "closed"));
    for (const outcome of await Promise.allSettled(calls)) tally.add(kindOf(outcome));
    const { reason, message } = await client.closed;
    expect(reason === "protocol" || reason === "closed", `the client ended with ${reason}: ${message}`);
    await events.return?.();
    tally.add(`ended: ${reason}`);
  }
  return tally;
}

/** Calls of all kinds, and the headers of their replies, the last one first. */
function beginCalls(client: Client, random: Random): { headers: MessageHeader[]; calls: Promise<unknown>[] } {
  const headers: MessageHeader[] = [];
  const calls: Promise<unknown>[] = [];
  for (let serial = 0; serial < CALLS_PER_CLIENT; serial++) {
    const program = programs[random.below(programs.length)] ?? Remote;
    const procedures = Object.values<Parameters<Client["call"]>[1]>({ ...program.procedures });
    const procedure = procedures[random.below(procedures.length)];
    if (procedure === undefined) throw new RangeError("a program without procedures");
    const { number, version } = program;
    headers.unshift({
      program: number,
      version,
      procedure: procedure.number,
      type: MessageType.REPLY,
      serial,
      status: 0,
    });
    calls.push(client.call(program, { ...procedure, args: nothing }, undefined));
  }
  return { headers, calls };
}

/** A reply to the oldest call, with a payload that was never meant for it. */
function reply(headers: MessageHeader[], random: Random): Uint8Array {
  const frame = mutated(corpus.toClient, random);
  const header = headers.pop();
  if (header === undefined) return frame;
  const { program, version, procedure, type, serial } = header;
  const view = new DataView(frame.buffer);
  const status = random.below(3) === 0 ? MessageStatus.ERROR : MessageStatus.OK;
  for (const [n, word] of [program, version, procedure, type, serial, status].entries())
    view.setUint32(4 + 4 * n, word);
  return frame;
}

function kindOf(outcome: PromiseSettledResult<unknown>): string {
  if (outcome.status === "fulfilled") return "calls: result";
  const known = [RpcError, ConnectionError, XdrError].find((kind) => outcome.reason instanceof kind);
  expect(known !== undefined, `a call failed with ${outcome.reason}`);
  return `calls: ${known?.name}`;
}

function repliesIn(bytes: Uint8Array): number {
  let replies = 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += view.getUint32(at)) {
    if (decodeHeader(bytes, at).type === MessageType.REPLY) replies++;
  }
  return replies;
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function report(side: string, tally: Tally): void {
  console.log(`${side}: ${frames} frames`);
  tally.print();
}

function expect(holds: boolean, complaint: string): void {
  if (!holds) fail(complaint);
}

function fail(complaint: string): never {
  throw new Error(`${complaint} (repeat with: npm run fuzz -- ${frames} ${seed})`);
}
