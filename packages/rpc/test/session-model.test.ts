import { getEventListeners } from "node:events";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Client } from "../src/client/client.ts";
import { Session } from "../src/client/session.ts";
import { Resync, type SessionEventStream } from "../src/client/session-events.ts";
import type { SessionState } from "../src/client/session-state.ts";
import { ConnectionError, RpcError } from "../src/index.ts";
import { sleep } from "../src/util/sleep.ts";
import { Echo, EchoTick, type EchoTickMsg } from "./helpers/echo.ts";
import { Host } from "./helpers/host.ts";
import { nextStates } from "./helpers/next-states.ts";
import { nextTurn, until } from "./helpers/turns.ts";

/*
 * Random lives of a session and its host. Whatever happened, in the end every promise has settled with a failure of a
 * documented kind, states came in a legal order, no call that must not be repeated has run twice, and nothing is left.
 */

type Step =
  | { readonly kind: "say" | "wait"; readonly retry: boolean; readonly abortable: boolean }
  | {
      readonly kind:
        | "opened"
        | "listen"
        | "tick"
        | "drop"
        | "die"
        | "back"
        | "hang"
        | "refuse"
        | "close"
        | "end"
        | "pause";
    }
  | { readonly kind: "abort" | "leave"; readonly which: number }
  | { readonly kind: "turns"; readonly count: number };

const index = fc.nat({ max: 20 });
const call = fc.record({
  kind: fc.constantFrom("say" as const, "wait" as const),
  retry: fc.boolean(),
  abortable: fc.boolean(),
});
const of = <K extends Step["kind"]>(...kinds: K[]) => fc.record({ kind: fc.constantFrom(...kinds) });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { arbitrary: call, weight: 8 },
    { arbitrary: of("opened", "listen", "tick"), weight: 4 },
    { arbitrary: of("drop", "die", "back"), weight: 6 },
    { arbitrary: of("pause"), weight: 3 },
    { arbitrary: of("hang", "refuse"), weight: 1 },
    { arbitrary: of("close", "end"), weight: 1 },
    { arbitrary: fc.record({ kind: fc.constantFrom("abort" as const, "leave" as const), which: index }), weight: 3 },
    { arbitrary: fc.record({ kind: fc.constant("turns" as const), count: fc.nat({ max: 6 }) }), weight: 8 },
  ) as fc.Arbitrary<Step>,
  { maxLength: 60 },
);
const manner = fc.record({
  whileLost: fc.constantFrom("wait" as const, "reject" as const),
  attempts: fc.constantFrom(2, 50, Number.POSITIVE_INFINITY),
  waitingCalls: fc.constantFrom(2, 1000),
  calls: fc.constantFrom(1, 1000),
  drain: fc.constantFrom(0, 3),
});
type Manner = typeof manner extends fc.Arbitrary<infer T> ? T : never;

test("whatever happens, every promise settles and nothing is left", { timeout: 180_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(steps, manner, async (life, how) => {
      const world = new World(how);
      for (const step of life) await world.take(step);
      await world.end();
    }),
    { numRuns: 400 },
  );
});

/** Long enough for another connection, most of the time. */
const PAUSE_MS = 3;

class World {
  readonly #host = new Host();
  readonly #manner: Manner;
  readonly #life = new AbortController();
  readonly #session: Session;
  readonly #states: SessionState[] = [];
  readonly #clients: Client[] = [];
  readonly #settled: Promise<Settled>[] = [];
  readonly #aborts: AbortController[] = [];
  readonly #ticks: SessionEventStream<EchoTickMsg>[] = [];
  /** Words of calls that must not run twice. */
  readonly #once: string[] = [];
  #hangs = false;
  #words = 0;

  constructor(how: Manner) {
    this.#manner = how;
    this.#host.options = { limits: { calls: how.calls } };
    this.#session = new Session({
      connect: (signal) => this.#connect(signal),
      open: (client) => client.program(Echo).watch(),
      leave: (client, signal) => client.program(Echo).watch(undefined, { signal }),
      backoff: { initial: 0, max: 1, stable: 0, attempts: how.attempts },
      limits: { waitingCalls: how.waitingCalls, attemptMs: 20, leaveMs: 20 },
      whileLost: how.whileLost,
      isSafe: ({ name }) => name === "ECHO_PROC_SAY",
      signal: this.#life.signal,
    });
    void this.#watch();
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case "say":
      case "wait":
        return this.#call(step.kind, step.retry, step.abortable);
      case "opened":
        return this.#settle(this.#session.opened({ signal: this.#abort().signal }));
      case "listen":
        return this.#listen();
      case "tick":
        return this.#host.tick(1n);
      case "drop":
        return this.#host.drop();
      case "die":
        return this.#host.die();
      case "back":
        this.#hangs = false;
        return this.#host.back();
      case "hang":
        this.#hangs = true;
        return;
      case "refuse":
        this.#host.refusal = new RpcError("authentication failed", { code: 45 });
        return;
      case "abort":
        return pick(this.#aborts, step.which)?.abort(new Aborted());
      case "leave":
        await pick(this.#ticks, step.which)?.return?.();
        return;
      case "turns":
        for (let n = 0; n < step.count; n++) await nextTurn();
        return;
      case "pause":
        return sleep(PAUSE_MS);
      case "close":
        return this.#settle(this.#session.close({ drain: this.#manner.drain }));
      case "end":
        this.#life.abort(new Aborted());
    }
  }

  async end(): Promise<void> {
    await this.#session.close();
    await this.#session.closed;
    for (const { failure } of await Promise.all(this.#settled)) expect(failure).toSatisfy(isDocumented);
    for (const ticks of this.#ticks) await readOut(ticks);
    for (const client of this.#clients) await client.closed;
    await until(() => this.#host.clients === 0);
    await until(() => this.#states.at(-1)?.state === "closed");
    for (let n = 1; n < this.#states.length; n++) {
      const [before, after] = [this.#states[n - 1], this.#states[n]];
      if (before !== undefined && after !== undefined) expect(nextStates[before.state]).toContain(after.state);
    }
    expect(this.#session.waiting).toBe(0);
    for (const { signal } of [this.#life, ...this.#aborts]) expect(getEventListeners(signal, "abort")).toEqual([]);
    const ran = this.#host.said.filter((word) => this.#once.includes(word));
    expect(new Set(ran).size).toBe(ran.length);
  }

  async #connect(signal: AbortSignal): Promise<Client> {
    if (this.#hangs) return new Promise(() => {});
    const client = await this.#host.connect(signal);
    this.#clients.push(client);
    return client;
  }

  #call(kind: "say" | "wait", retry: boolean, abortable: boolean): void {
    const text = String(this.#words++);
    if (!retry || kind === "wait") this.#once.push(text);
    const options = { ...(retry && { retry: "safe" as const }), ...(abortable && { signal: this.#abort().signal }) };
    this.#settle(this.#session.program(Echo)[kind]({ text, repeat: 1 }, options));
  }

  #listen(): void {
    const register = (client: Client): Promise<void> => client.program(Echo).watch();
    const ticks = this.#session.events(EchoTick, { register, signal: this.#abort().signal });
    this.#ticks.push(ticks);
    this.#settle(ticks.ready);
  }

  #abort(): AbortController {
    const abort = new AbortController();
    this.#aborts.push(abort);
    return abort;
  }

  #settle(promise: Promise<unknown>): void {
    this.#settled.push(
      promise.then(
        () => ({ failure: undefined }),
        (failure: unknown) => ({ failure }),
      ),
    );
  }

  async #watch(): Promise<void> {
    for await (const state of this.#session.states()) this.#states.push(state);
  }
}

interface Settled {
  readonly failure: unknown;
}

class Aborted extends Error {}

function isDocumented(failure: unknown): boolean {
  return [undefined, Aborted, ConnectionError, RpcError].some((kind) =>
    kind === undefined ? failure === undefined : failure instanceof kind,
  );
}

async function readOut(ticks: SessionEventStream<EchoTickMsg>): Promise<void> {
  try {
    for await (const tick of ticks) expect(tick instanceof Resync || "count" in tick).toBe(true);
  } catch (error) {
    expect(error).toSatisfy(isDocumented);
  }
}

function pick<T>(all: readonly T[], which: number): T | undefined {
  return all[which % Math.max(1, all.length)];
}
