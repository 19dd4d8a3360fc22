import { getEventListeners } from "node:events";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Hole, RpcStream } from "../../src/index.ts";
import { ConnectionError, RpcError } from "../../src/index.ts";
import type { StreamCall } from "../../src/server/index.ts";
import { Files, type Joined, join, pattern } from "../helpers/stream-program.ts";
import { nextTurn } from "../helpers/turns.ts";

/*
 * Whatever both sides do to their ends of streams, in whatever order, and wherever the connection breaks: in the end both
 * agree that every stream is over, what arrived is what was sent up to there, and nothing is left.
 */

type Verb =
  | { readonly kind: "write"; readonly size: number }
  | { readonly kind: "hole"; readonly size: number }
  | { readonly kind: "read" | "gather" }
  | { readonly kind: "finish" }
  | { readonly kind: "abort" };
type Step =
  | { readonly kind: "open" }
  | { readonly kind: "verb"; readonly side: "client" | "server"; readonly which: number; readonly verb: Verb }
  | { readonly kind: "turns"; readonly count: number }
  | { readonly kind: "return" | "throw" | "signal"; readonly which: number }
  | Ending;
interface Ending {
  readonly kind: "closeClient" | "disconnect";
}

const which = fc.nat({ max: 5 });
const size = fc.oneof(fc.nat({ max: 40 }), fc.constantFrom(16_383, 16_384, 262_120, 262_121, 700_000));
const verb = fc.oneof<fc.Arbitrary<Verb>[]>(
  fc.record({ kind: fc.constant("write"), size }),
  fc.record({ kind: fc.constant("hole"), size }),
  fc.record({ kind: fc.constantFrom("read", "gather") }),
  fc.record({ kind: fc.constant("finish") }),
  fc.record({ kind: fc.constant("abort") }),
);
const step = fc.oneof<fc.MaybeWeightedArbitrary<Step>[]>(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("open") }) },
  {
    weight: 48,
    arbitrary: fc.record({ kind: fc.constant("verb"), side: fc.constantFrom("client", "server"), which, verb }),
  },
  { weight: 18, arbitrary: fc.record({ kind: fc.constant("turns"), count: fc.nat({ max: 5 }) }) },
  { weight: 9, arbitrary: fc.record({ kind: fc.constantFrom("return", "throw", "signal"), which }) },
  { weight: 1, arbitrary: fc.record<Ending>({ kind: fc.constantFrom("closeClient", "disconnect") }) },
);

/** Both ends of one stream, and what was sent and received at each. */
interface Pair {
  readonly client: RpcStream;
  readonly server: RpcStream;
  readonly sent: { client: number; server: number };
  readonly got: { client: number; server: number };
  readonly end: { resolve: () => void; reject: (error: Error) => void };
  readonly abort: AbortController;
}

class World {
  readonly pairs: Pair[] = [];
  readonly problems: unknown[] = [];
  readonly #ends: ((end: { stream: RpcStream; end: Pair["end"] }) => void)[] = [];
  readonly joined: Joined = join({ upload: (_, call) => this.#serve(call) });
  readonly #running = new Set<Promise<unknown>>();

  async open(): Promise<void> {
    const abort = new AbortController();
    const accepted = new Promise<{ stream: RpcStream; end: Pair["end"] }>((resolve) => this.#ends.push(resolve));
    const files = this.joined.client.program(Files);
    const call = files.upload({ name: "x" }, { sparse: true, signal: abort.signal });
    const outcome = await call.catch((error: unknown) => this.#note(error));
    if (outcome === undefined) return;
    const { stream: server, end } = await accepted;
    const zero = (): Pair["sent"] => ({ client: 0, server: 0 });
    this.pairs.push({ client: outcome.stream, server, sent: zero(), got: zero(), end, abort });
  }

  /** What is begun need not end before the next step. */
  start(work: Promise<unknown>): void {
    const done = work.catch((error: unknown) => this.#note(error)).finally(() => this.#running.delete(done));
    this.#running.add(done);
  }

  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  act(side: "client" | "server", pair: Pair, { kind, ...given }: Verb): void {
    const stream = pair[side];
    const length = "size" in given ? given.size : 0;
    if (kind === "read") return this.start(this.#read(side, pair));
    if (kind === "gather") return this.start(this.#gather(side, pair));
    if (kind === "finish") return this.start(stream.finish());
    if (kind === "abort") return this.start(stream.abort(new RpcError("aborted")));
    pair.sent[side] += length;
    this.start(kind === "hole" ? stream.hole(length) : stream.write(pattern(length)));
  }

  async #read(side: "client" | "server", pair: Pair): Promise<void> {
    for await (const part of pair[side].parts()) pair.got[side] += "hole" in part ? Number(part.hole) : part.length;
  }

  async #gather(side: "client" | "server", pair: Pair): Promise<void> {
    const data = async (bytes: Uint8Array): Promise<void> => {
      await nextTurn();
      pair.got[side] += bytes.length;
    };
    const hole = async (given: Hole): Promise<void> => {
      await nextTurn();
      pair.got[side] += Number(given.hole);
    };
    await pair[side].consume(data, { blocks: 100_000, hole });
  }

  #serve({ accept }: StreamCall): Promise<void> {
    const stream = accept(undefined, { sparse: true });
    return new Promise((resolve, reject) => this.#ends.shift()?.({ stream, end: { resolve, reject } }));
  }

  /** Every failure is one of the documented kinds. */
  #note(error: unknown): undefined {
    const known = error instanceof RpcError || error instanceof ConnectionError || error instanceof TypeError;
    if (!known && error !== "signal") this.problems.push(error);
  }
}

async function take(world: World, given: Step): Promise<void> {
  if (given.kind === "open") return world.open();
  if (given.kind === "turns") {
    for (let i = 0; i < given.count; i++) await nextTurn();
    return;
  }
  if (!("which" in given)) return given.kind === "closeClient" ? world.joined.client.close() : pullOut(world);
  const pair = world.pairs[given.which % Math.max(1, world.pairs.length)];
  if (pair === undefined) return;
  if (given.kind === "verb") world.act(given.side, pair, given.verb);
  else if (given.kind === "return") pair.end.resolve();
  else if (given.kind === "throw") pair.end.reject(new RpcError("thrown"));
  else pair.abort.abort("signal");
}

function pullOut({ joined }: World): void {
  joined.peer.disconnect(new ConnectionError("pulled out", "error"));
}

/** Both sides do what an orderly program does in the end: the handlers return, the clients read out or finish. */
async function windUp({ pairs }: World): Promise<void> {
  for (const { end, client } of pairs) {
    end.resolve();
    client.finish().catch(() => {});
  }
  await Promise.all(pairs.flatMap(({ client, server }) => [client.closed, server.closed]));
}

test("any interleaving of verbs, ends and faults comes to an agreed end and leaves nothing", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const world = new World();
      await world.open();
      for (const given of steps) await take(world, given);
      await windUp(world);
      await world.settled();
      for (let i = 0; i < 5; i++) await nextTurn();
      const { client, peer, failures } = world.joined;
      expect(world.problems).toEqual([]);
      expect(failures).toEqual([]);
      expect(world.joined.streams()).toBe(0);
      for (const { client: near, server: far, sent, got, abort } of world.pairs) {
        // A client that was told of a good end has a server that knows of no other.
        const [told, known] = await Promise.all([near.closed, far.closed]);
        expect(told !== undefined || known === undefined).toBe(true);
        expect(got.server).toBeLessThanOrEqual(sent.client);
        expect(got.client).toBeLessThanOrEqual(sent.server);
        expect(getEventListeners(abort.signal, "abort")).toEqual([]);
      }
      expect([client.streamBytes, peer.streamBytes]).toEqual([0, 0]);
      expect([client.pending, peer.requests]).toEqual([0, 0]);
      await world.joined[Symbol.asyncDispose]();
    }),
    { numRuns: 250 },
  );
}, 60_000);

type Taker = (bytes: Uint8Array) => void;

const readings = [
  async (stream: RpcStream, taker: Taker): Promise<void> => {
    for await (const chunk of stream) taker(chunk);
  },
  (stream: RpcStream, taker: Taker): Promise<void> => stream.drain(taker),
  (stream: RpcStream, taker: Taker): Promise<void> => stream.consume(later(taker)),
  (stream: RpcStream, taker: Taker): Promise<void> => stream.consume(later(taker), { blocks: 30_000 }),
];

function later(taker: Taker): (bytes: Uint8Array) => Promise<void> {
  return async (bytes) => {
    await nextTurn();
    taker(bytes);
  };
}

test("what a reader gets up to a good end is what was sent, whatever the pieces", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(size, { maxLength: 12 }), fc.constantFrom(...readings), async (sizes, read) => {
      const got: number[] = [];
      await using joined = join({
        async upload(_, { accept }) {
          const stream = accept(undefined, { sparse: true });
          await read(stream, (bytes) => bytes.forEach((byte) => got.push(byte)));
        },
      });
      const { stream } = await joined.client.program(Files).upload({ name: "x" }, { sparse: true });
      for (const [i, length] of sizes.entries()) {
        if (i % 3 === 2) await stream.hole(length % 5000);
        else await stream.write(pattern(length % 20_000, i));
      }
      await stream.finish();
      const wanted = sizes.flatMap((length, i) =>
        i % 3 === 2 ? Array.from({ length: length % 5000 }, () => 0) : [...pattern(length % 20_000, i)],
      );
      expect(got).toEqual(wanted);
    }),
    { numRuns: 40 },
  );
}, 60_000);

test("a thousand streams at once each get their own", async () => {
  await using joined = join({
    async chat(_, { stream }) {
      for await (const chunk of stream) await stream.write(chunk);
    },
  });
  const files = joined.client.program(Files);
  const talk = async (i: number): Promise<void> => {
    const { stream } = await files.chat();
    const said = pattern(100, i);
    await stream.write(said);
    for await (const chunk of stream) {
      expect(chunk).toEqual(said);
      break;
    }
  };
  await Promise.all(Array.from({ length: 1000 }, (_, i) => talk(i)));
  while (joined.streams() > 0) await nextTurn();
  expect([joined.client.streamBytes, joined.peer.streamBytes]).toEqual([0, 0]);
});
