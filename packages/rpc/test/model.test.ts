import { getEventListeners } from "node:events";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Client, ConnectionError, type EventStream, RpcError } from "../src/index.ts";
import { Server } from "../src/server/index.ts";
import { type Faults, faulty, memoryPair } from "../src/testing/index.ts";
import { type Deferred, deferred } from "../src/util/deferred.ts";
import { Echo, EchoTick } from "./helpers/echo.ts";

/*
 * Random lives of a client and a server, with whatever faults between them. Whatever happened, in the end every promise
 * has settled with a failure of a documented kind, and both sides are as empty as they were at the start.
 */

type Step =
  | { readonly kind: "say"; readonly text: string; readonly repeat: number }
  | { readonly kind: "wait" }
  | { readonly kind: "answer"; readonly which: number; readonly how: "ok" | "no" | "fault" }
  | { readonly kind: "abort"; readonly which: number }
  | { readonly kind: "listen" }
  | { readonly kind: "leave"; readonly which: number }
  | { readonly kind: "tick"; readonly times: number }
  | { readonly kind: "turns"; readonly count: number }
  | { readonly kind: "closeClient" }
  | { readonly kind: "closeServer" }
  | { readonly kind: "disconnect" };

const index = fc.nat({ max: 20 });
const often = fc.oneof(
  {
    arbitrary: fc.record({ kind: fc.constant("say" as const), text: fc.string(), repeat: fc.nat({ max: 20 }) }),
    weight: 6,
  },
  { arbitrary: fc.record({ kind: fc.constant("wait" as const) }), weight: 6 },
  {
    arbitrary: fc.record({
      kind: fc.constant("answer" as const),
      which: index,
      how: fc.constantFrom("ok" as const, "no" as const, "fault" as const),
    }),
    weight: 6,
  },
  { arbitrary: fc.record({ kind: fc.constant("abort" as const), which: index }), weight: 3 },
  { arbitrary: fc.record({ kind: fc.constant("listen" as const) }), weight: 1 },
  { arbitrary: fc.record({ kind: fc.constant("leave" as const), which: index }), weight: 1 },
  { arbitrary: fc.record({ kind: fc.constant("tick" as const), times: fc.nat({ max: 6 }) }), weight: 2 },
  { arbitrary: fc.record({ kind: fc.constant("turns" as const), count: fc.nat({ max: 5 }) }), weight: 6 },
);
const seldom = fc.constantFrom<Step[]>(
  [],
  [],
  [{ kind: "closeClient" }],
  [{ kind: "closeServer" }],
  [{ kind: "disconnect" }],
);
/** At most one ending, somewhere in between. */
const life = fc
  .tuple(fc.array<Step>(often, { maxLength: 40 }), seldom, fc.array<Step>(often, { maxLength: 10 }))
  .map((parts) => parts.flat());

const faults: fc.Arbitrary<Faults> = fc.record(
  {
    drop: fc.func(fc.boolean()).map((lost) => (frame: number) => frame > 3 && lost(frame)),
    reorder: fc.func(fc.boolean()),
    corrupt: fc
      .array(fc.tuple(fc.nat({ max: 4000 }), fc.integer({ min: 1, max: 255 })), { maxLength: 2 })
      .map((all) => new Map(all)),
    split: fc.integer({ min: 1, max: 100 }).map((size) => () => size),
    cut: fc.integer({ min: 1, max: 4000 }),
  },
  { requiredKeys: [] },
);

test("whatever happens, every promise settles and nothing is left", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(life, faults, faults, async (steps, toServer, toClient) => {
      const world = new World(toServer, toClient);
      for (const step of steps) await world.take(step);
      await world.end();
    }),
    { numRuns: 400 },
  );
});

/** Client, server, and all that a life has begun. */
class World {
  readonly #answers: Deferred<void>[] = [];
  readonly #aborts: AbortController[] = [];
  readonly #calls: Promise<unknown>[] = [];
  readonly #listeners: { stream: EventStream<unknown>; heard: Promise<unknown> }[] = [];
  readonly #failures: unknown[] = [];
  readonly #server: Server;
  readonly #client: Client;

  constructor(toServer: Faults, toClient: Faults) {
    const [near, far] = memoryPair();
    this.#server = new Server({
      name: "model",
      limits: { clientRequests: 3 },
      onHandlerError: ({ error }) => this.#failures.push(error),
    });
    this.#server.add(Echo, {
      say({ text, repeat }) {
        if (repeat > 16) throw new RpcError("too many", { code: 8 });
        return { lines: Array<string>(repeat).fill(text) };
      },
      wait: async ({ text }, { signal }) => {
        const answer = deferred<void>();
        this.#answers.push(answer);
        const gone = new Promise<never>((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        });
        await Promise.race([answer.promise, gone]);
        return { lines: [text] };
      },
      watch() {},
    });
    this.#server.accept(faulty(far, toServer));
    this.#client = new Client(faulty(near, toClient), { limits: { calls: 8 } });
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case "say":
        return this.#call(({ signal }) => this.#echo.say({ text: step.text, repeat: step.repeat }, { signal }));
      case "wait":
        return this.#call(({ signal }) => this.#echo.wait({ text: "w", repeat: 1 }, { signal }));
      case "answer":
        return this.#answer(step.which, step.how);
      case "abort":
        return this.#aborts[step.which]?.abort(new Error("aborted by the model"));
      case "listen":
        return this.#listen();
      case "leave":
        return void this.#listeners[step.which]?.stream.return?.();
      case "tick":
        return this.#tick(step.times);
      case "turns":
        return turns(step.count);
      case "closeClient":
        return void this.#client.close();
      case "closeServer":
        return void this.#server.close({ signal: AbortSignal.timeout(5) });
      case "disconnect":
        for (const client of this.#server.clients) client.disconnect(new ConnectionError("kicked", "closed"));
    }
  }

  async end(): Promise<void> {
    await turns(3);
    await this.#client.close();
    await this.#server.close({ signal: AbortSignal.timeout(5) });
    for (const outcome of await Promise.allSettled(this.#calls)) this.#expectDocumented(outcome);
    await Promise.all(this.#listeners.map(({ heard }) => heard));
    expect({ pending: this.#client.pending, waiting: this.#client.waiting }).toEqual({ pending: 0, waiting: 0 });
    expect([...this.#server.clients]).toEqual([]);
    for (const { signal } of this.#aborts) expect(getEventListeners(signal, "abort")).toEqual([]);
    for (const failure of this.#failures) expect(failure).toMatchObject({ message: "broken by the model" });
  }

  get #echo() {
    return this.#client.program(Echo);
  }

  #call(begin: (options: { signal: AbortSignal }) => Promise<unknown>): void {
    const abort = new AbortController();
    this.#aborts.push(abort);
    const call = begin({ signal: abort.signal });
    call.catch(() => {});
    this.#calls.push(call);
  }

  #answer(which: number, how: "ok" | "no" | "fault"): void {
    const answer = this.#answers[which];
    if (how === "ok") answer?.resolve();
    else answer?.reject(how === "no" ? new RpcError("no", { code: 9 }) : new Error("broken by the model"));
  }

  #listen(): void {
    const stream = this.#client.events(EchoTick, { limit: 4, overflow: "dropOldest" });
    this.#listeners.push({ stream, heard: drain(stream) });
  }

  #tick(times: number): void {
    for (let n = 1; n <= times; n++) this.#server.broadcast(EchoTick, { count: BigInt(n) });
  }

  #expectDocumented(outcome: PromiseSettledResult<unknown>): void {
    if (outcome.status === "fulfilled") return;
    const { name, message } = outcome.reason as Error;
    expect(["RpcError", "ConnectionError", "XdrError", "RangeError", "Error"]).toContain(name);
    if (name === "Error") expect(message).toBe("aborted by the model");
    if (name === "RangeError") expect(message).toContain("NUL");
  }
}

async function drain(stream: EventStream<unknown>): Promise<unknown> {
  try {
    for await (const tick of stream) void tick;
    return undefined;
  } catch (error) {
    return error;
  }
}

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve));
}
