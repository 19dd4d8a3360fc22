import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import type { Client } from "../../src/client/client.ts";
import { Lagged } from "../../src/client/event-hub.ts";
import { Session } from "../../src/client/session.ts";
import { Resync } from "../../src/client/session-events.ts";
import type { SessionOptions } from "../../src/client/session-options.ts";
import type { SessionState } from "../../src/client/session-state.ts";
import { RpcError } from "../../src/protocol/rpc-error.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { Echo, EchoTick } from "../helpers/echo.ts";
import { Host } from "../helpers/host.ts";
import { nextTurn, until } from "../helpers/turns.ts";

const hurried = { initial: 1, max: 4, stable: 0 };

function begun(options: Partial<SessionOptions> = {}, host = new Host()) {
  const session = new Session({ connect: host.connect, backoff: hurried, ...options });
  return { host, session, echo: session.program(Echo) };
}

async function opened(options: Partial<SessionOptions> = {}) {
  const all = begun(options);
  await all.session.opened();
  return all;
}

/** How a promise ends, so that its rejection is looked after from the start. */
const outcome = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);
const names = async (states: AsyncIterable<SessionState>): Promise<string[]> => {
  const all: string[] = [];
  for await (const { state } of states) all.push(state);
  return all;
};
const text = { text: "hi", repeat: 1 };

describe("a session", () => {
  it("connects, authenticates, opens, and tells each state", async () => {
    const steps: string[] = [];
    const step = (name: string) => async (client: Client) => {
      expect(client.isOpen).toBe(true);
      steps.push(`${name} while ${session.state.state}`);
    };
    const { session } = begun({ authenticate: step("authenticate"), open: step("open"), leave: step("leave") });
    const states = names(session.states());
    await session.opened();
    await session.close();
    expect(await states).toEqual(["connecting", "authenticating", "open", "draining", "closed"]);
    expect(steps).toEqual(["authenticate while authenticating", "open while authenticating", "leave while draining"]);
  });

  it("comes back when its connection goes, with the same programs", async () => {
    const { host, session, echo } = await opened();
    const states = names(session.states());
    expect(await echo.say(text)).toEqual({ lines: ["hi"] });
    host.drop();
    await until(() => session.state.state === "lost");
    expect(await echo.say(text)).toEqual({ lines: ["hi"] });
    expect(session.state).toEqual({ state: "open", times: 2 });
    expect(session.program(Echo)).toBe(echo);
    await session.close();
    expect(await states).toEqual(["open", "lost", "connecting", "authenticating", "open", "draining", "closed"]);
  });

  it("waits longer after each failure, and tells the error and the wait", async () => {
    const host = new Host();
    host.refusal = new ConnectionError("nobody listens there", "error");
    const backoff = { initial: 2, factor: 3, max: 10, jitter: 0.5, random: () => 0 };
    const { session } = begun({ backoff }, host);
    const lost: SessionState[] = [];
    for await (const state of session.states()) {
      if (state.state === "lost" && lost.push(state) === 4) break;
    }
    expect(lost).toEqual(
      [2, 6, 10, 10].map((wait, i) => ({ state: "lost", error: host.refusal, attempt: i + 2, wait })),
    );
    await session.close();
  });

  it("does not hammer a server that drops each connection at once", async () => {
    const host = new Host();
    const drop = async (): Promise<void> => host.drop();
    const { session } = begun({ backoff: { initial: 4, factor: 10, max: 1e6, jitter: 0, stable: 60_000 } }, host);
    const waits: number[] = [];
    for await (const state of session.states()) {
      if (state.state === "open") await drop();
      if (state.state === "lost" && waits.push(state.wait) === 3) break;
    }
    expect(waits).toEqual([4, 40, 400]);
    await session.close();
  });

  it("is given up after so many attempts, with the last error", async () => {
    const host = new Host();
    host.refusal = new ConnectionError("nobody listens there", "error");
    const { session, echo } = begun({ backoff: { ...hurried, attempts: 3 } }, host);
    const waiting = outcome(echo.say(text));
    await expect(session.opened()).rejects.toBe(host.refusal);
    expect(host.asked).toBe(3);
    expect(session.state).toEqual({ state: "closed", error: host.refusal });
    expect(await session.closed).toBe(host.refusal);
    expect(await waiting).toMatchObject({ delivery: "not-sent", cause: host.refusal });
    expect(await outcome(echo.say(text))).toMatchObject({ delivery: "not-sent", cause: host.refusal });
    await expect(session.opened()).rejects.toBe(host.refusal);
    expect(await names(session.states())).toEqual(["closed"]);
  });

  it.each([
    ["the server says no", new RpcError("authentication failed", { code: 45 })],
    ["it can't be", new TypeError("no URI")],
    ["we refuse the server", new ConnectionError("we do not accept the certificate", "refused")],
  ])("is given up at once where no retry can help: %s", async (_, refusal) => {
    const { session, host } = begun({ open: () => Promise.reject(refusal) });
    await expect(session.opened()).rejects.toBe(refusal);
    expect(host.asked).toBe(1);
    expect(await session.closed).toBeInstanceOf(ConnectionError);
    await until(() => host.clients === 0);
  });

  it("lets the caller decide which errors are final", async () => {
    const isFinal = (error: unknown): boolean => error instanceof Error && error.message === "enough";
    let tries = 0;
    const open = (): Promise<never> => Promise.reject(++tries < 3 ? new TypeError("again") : new Error("enough"));
    const { session } = begun({ open, isFinal });
    await expect(session.opened()).rejects.toThrow("enough");
    expect(tries).toBe(3);
  });

  it("gives up an attempt that takes too long, and closes a connection that comes after all", async () => {
    const host = new Host();
    let late: ((client: Client) => void) | undefined;
    const connect = (): Promise<Client> =>
      late === undefined
        ? new Promise((resolve) => {
            late = resolve;
          })
        : host.connect();
    const { session } = begun({ connect, limits: { attemptMs: 5 } });
    await until(() => session.state.state === "lost");
    expect(session.state).toMatchObject({ error: { message: "no connection came in 5 ms" } });
    const client = await host.connect();
    late?.(client);
    expect(await client.closed).toMatchObject({ reason: "closed" });
    await session.close();
  });

  it("does not wait for a step whose connection has gone", async () => {
    let steps = 0;
    const host = new Host();
    const open = (): Promise<void> => {
      if (++steps > 1) return Promise.resolve();
      host.drop();
      return new Promise(() => {});
    };
    const { session } = begun({ open }, host);
    await session.opened();
    expect(steps).toBe(2);
    await session.close();
  });

  it("ends with its signal's reason, without a goodbye, and takes its listener off", async () => {
    const abort = new AbortController();
    let goodbyes = 0;
    const leave = async (): Promise<void> => void goodbyes++;
    const { session, echo } = await opened({ signal: abort.signal, leave });
    const call = outcome(echo.wait(text));
    await nextTurn();
    const reason = new Error("shutting down");
    abort.abort(reason);
    expect(await session.closed).toMatchObject({ reason: "error", cause: reason });
    expect(await call).toMatchObject({ delivery: "in-doubt" });
    expect(goodbyes).toBe(0);
    const other = new AbortController();
    const second = await opened({ signal: other.signal });
    await second.session.close();
    expect(getEventListeners(other.signal, "abort")).toEqual([]);
  });

  it("closes while it waits, connects or authenticates", async () => {
    const dead = new Host();
    dead.refusal = new ConnectionError("nobody listens there", "error");
    const lost = begun({ backoff: { initial: 100_000 } }, dead).session;
    const connecting = begun({ connect: () => new Promise(() => {}) }).session;
    const { session: opening, host } = begun({ open: () => new Promise(() => {}) });
    for (const [session, state] of [
      [lost, "lost"],
      [connecting, "connecting"],
      [opening, "authenticating"],
    ] as const) {
      await until(() => session.state.state === state);
      const waiting = outcome(session.opened());
      await session.close();
      expect(await waiting).toMatchObject({ reason: "closed" });
      expect(session.state.state).toBe("closed");
    }
    await until(() => host.clients === 0);
  });

  it("says once that it is open to all who wait, or their signal's reason", async () => {
    const { session } = begun();
    const abort = new AbortController();
    const [first, second] = [session.opened(), outcome(session.opened({ signal: abort.signal }))];
    abort.abort("not any more");
    await first;
    expect(await second).toBe("not any more");
    await session.close();
    expect(await outcome(session.opened())).toMatchObject({ reason: "closed" });
  });

  it("drains when asked to: calls in flight end, new ones are refused", async () => {
    const { session, echo } = await opened();
    const call = echo.say(text);
    const closed = session.close({ drain: 60_000 });
    expect(session.state.state).toBe("draining");
    expect(await outcome(echo.say(text))).toMatchObject({ delivery: "not-sent", reason: "closed" });
    expect(await call).toEqual({ lines: ["hi"] });
    await closed;
  });

  it("does not drain for ever", async () => {
    const { session, echo } = await opened();
    const call = outcome(echo.wait(text));
    await session.close({ drain: 5 });
    expect(await call).toMatchObject({ delivery: "in-doubt" });
  });

  it("does not wait for ever for a goodbye", async () => {
    const { session } = await opened({ leave: () => new Promise(() => {}), limits: { leaveMs: 5 } });
    await session.close();
    expect(session.state.state).toBe("closed");
  });

  it("goes on with the next connection when what is told of one throws", async () => {
    let told = 0;
    const options: Partial<SessionOptions> = {
      opened: () => {
        if (told++ === 0) throw new Error("not this one");
      },
    };
    const { host, session, echo } = begun(options);
    await until(() => told === 2);
    expect(await echo.say(text)).toEqual({ lines: ["hi"] });
    await until(() => host.clients === 1);
    await session.close();
  });
});

describe("a call of a session", () => {
  it("that was in flight is in doubt, and is not repeated", async () => {
    const { host, session, echo } = await opened();
    const call = outcome(echo.wait(text));
    await until(() => host.said.length === 1);
    host.drop();
    expect(await call).toMatchObject({ delivery: "in-doubt" });
    await session.opened();
    expect(host.said).toEqual(["hi"]);
    await session.close();
  });

  it("is repeated when asked to, if the procedure is safe", async () => {
    const { host, session, echo } = await opened({ isSafe: ({ name }) => name === "ECHO_PROC_WAIT" });
    const call = outcome(echo.wait(text, { retry: "safe" }));
    await until(() => host.said.length === 1);
    host.drop();
    await until(() => host.said.length === 2);
    host.drop();
    await until(() => host.said.length === 3);
    host.drop();
    expect(await call).toMatchObject({ delivery: "in-doubt" }); // it may be what kills the server
    expect(host.said).toHaveLength(3);
    await session.close();
  });

  it("that may have run stays in doubt when its repetition can't be sent any more", async () => {
    const { host, session, echo } = await opened({ isSafe: () => true });
    const call = outcome(echo.wait(text, { retry: "safe" }));
    await until(() => host.said.length === 1);
    host.die();
    await until(() => session.waiting === 1);
    await session.close();
    expect(await call).toMatchObject({ delivery: "in-doubt" });
  });

  it("is not repeated if it may have run and nobody says that it is safe", async () => {
    const { host, session, echo } = await opened({ retry: "safe" });
    const call = outcome(echo.wait(text));
    await until(() => host.said.length === 1);
    host.drop();
    expect(await call).toMatchObject({ delivery: "in-doubt" });
    await session.close();
  });

  it("is repeated when asked to, if it was not sent", async () => {
    const host = new Host();
    host.options = { limits: { calls: 1 } };
    const { session, echo } = begun({}, host);
    await session.opened();
    const inFlight = outcome(echo.wait(text));
    const [waits, repeated] = [outcome(echo.say(text)), echo.say({ text: "again", repeat: 1 }, { retry: "safe" })];
    await until(() => host.said.length === 1);
    host.drop();
    expect(await inFlight).toMatchObject({ delivery: "in-doubt" });
    expect(await waits).toMatchObject({ delivery: "not-sent" });
    expect(await repeated).toEqual({ lines: ["again"] });
    await session.close();
  });

  it("waits for the connection, in order, with its signal", async () => {
    const host = new Host();
    host.die();
    const { session, echo } = begun({}, host);
    const abort = new AbortController();
    const calls = ["a", "b", "c"].map((word) => echo.say({ text: word, repeat: 1 }));
    const aborted = outcome(echo.say({ text: "d", repeat: 1 }, { signal: abort.signal }));
    expect(session.waiting).toBe(4);
    abort.abort("too late");
    expect(await aborted).toBe("too late");
    expect(getEventListeners(abort.signal, "abort")).toEqual([]);
    host.back();
    await Promise.all(calls);
    expect(host.said).toEqual(["a", "b", "c"]);
    expect(session.waiting).toBe(0);
    await session.close();
  });

  it("waits so long and no longer", async () => {
    const host = new Host();
    host.die();
    const { session, echo } = begun({ limits: { waitMs: 5 } }, host);
    expect(await outcome(echo.say(text))).toMatchObject({
      message: "no connection came in 5 ms (nobody listens there); the call was not sent",
      delivery: "not-sent",
    });
    expect(session.waiting).toBe(0);
    await session.close();
  });

  it("is refused when as many wait as may", async () => {
    const host = new Host();
    host.die();
    const { session, echo } = begun({ limits: { waitingCalls: 2 } }, host);
    const calls = [echo.say(text), echo.say(text)];
    expect(await outcome(echo.say(text))).toMatchObject({ delivery: "not-sent" });
    host.back();
    expect(await Promise.all(calls)).toHaveLength(2);
    await session.close();
  });

  it("is rejected at once by option", async () => {
    const host = new Host();
    host.die();
    const { session, echo } = begun({ whileLost: "reject" }, host);
    await until(() => session.state.state === "lost");
    expect(await outcome(echo.say(text))).toMatchObject({ delivery: "not-sent", cause: host.refusal });
    host.back();
    await session.opened();
    expect(await echo.say(text)).toEqual({ lines: ["hi"] });
    await session.close();
  });
});

describe("events of a session", () => {
  const register = (client: Client): Promise<void> => client.program(Echo).watch();

  it("come over each connection, registered anew, with a resync in between", async () => {
    const { host, session } = await opened();
    const ticks = session.events(EchoTick, { register });
    await ticks.ready;
    host.tick(1n);
    expect(await ticks.next()).toEqual({ value: { count: 1n }, done: false });
    host.drop();
    expect((await ticks.next()).value).toEqual(new Resync(2));
    expect(session.state).toEqual({ state: "open", times: 2 });
    host.tick(2n);
    expect(await ticks.next()).toEqual({ value: { count: 2n }, done: false });
    await session.close();
    expect(await ticks.next()).toEqual({ value: undefined, done: true });
    expect(await session.events(EchoTick).next()).toEqual({ value: undefined, done: true });
  });

  it("asked for before there is a connection come with the first, without a resync", async () => {
    const { host, session } = begun();
    const ticks = session.events(EchoTick, { register });
    await ticks.ready;
    await session.opened();
    host.tick(1n);
    expect(await ticks.next()).toEqual({ value: { count: 1n }, done: false });
    await session.close();
  });

  it("that can't be registered end with the reason, and nothing else does", async () => {
    const { session, echo } = await opened();
    const refusal = new RpcError("no such events");
    const ticks = session.events(EchoTick, { register: () => Promise.reject(refusal) });
    await expect(ticks.ready).rejects.toBe(refusal);
    await expect(ticks.next()).rejects.toBe(refusal);
    expect(await echo.say(text)).toEqual({ lines: ["hi"] });
    await session.close();
  });

  it("end with the error when the session is given up, and with the signal's reason", async () => {
    const { host, session } = await opened({ backoff: { attempts: 1 } });
    const abort = new AbortController();
    const [ticks, left] = [session.events(EchoTick), session.events(EchoTick, { signal: abort.signal })];
    abort.abort(new Error("enough"));
    await expect(left.next()).rejects.toThrow("enough");
    host.drop();
    await expect(ticks.next()).rejects.toBeInstanceOf(ConnectionError);
    await expect(session.events(EchoTick).next()).rejects.toBeInstanceOf(ConnectionError);
  });

  it("that are not wanted any more are not asked for", async () => {
    const { session } = await opened();
    let asked = 0;
    const left = session.events(EchoTick, { register: async () => void asked++, signal: AbortSignal.abort("enough") });
    expect(await outcome(left.next())).toBe("enough");
    expect(asked).toBe(0);
    await session.close();
  });

  it("end when registering fails for another connection's sake", async () => {
    const { session } = await opened();
    const elsewhere = new ConnectionError("the other server has gone", "eof");
    const ticks = session.events(EchoTick, { register: () => Promise.reject(elsewhere) });
    await expect(ticks.ready).rejects.toBe(elsewhere);
    await session.close();
  });

  it("of many subscriptions put no more listeners on one signal than Node likes", async () => {
    const { session } = await opened();
    const signals = new Set<AbortSignal>();
    const registering = (_: Client, signal: AbortSignal): Promise<never> => {
      signals.add(signal);
      return new Promise(() => {});
    };
    for (let n = 0; n < 20; n++) session.events(EchoTick, { register: registering });
    expect([...signals].map((signal) => getEventListeners(signal, "abort").length)).toEqual([0]);
    await session.close();
  });

  it("that a late reader misses do not take the resync with them", async () => {
    const { host, session } = await opened();
    const ticks = session.events(EchoTick, { register, limit: 2, overflow: "dropOldest" });
    await ticks.ready;
    host.drop();
    await until(() => session.state.state === "lost");
    await session.opened();
    for (let count = 1n; count <= 5n; count++) host.tick(count);
    await until(() => ticks.dropped === 3);
    const seen = [await ticks.next(), await ticks.next(), await ticks.next()].map(({ value }) => value);
    expect(seen).toEqual([new Lagged(3), new Resync(2), { count: 4n }]);
    await session.close();
  });

  it("that a late reader misses are counted in their place", async () => {
    const { host, session } = await opened();
    const ticks = session.events(EchoTick, { register, limit: 2, overflow: "dropOldest" });
    await ticks.ready;
    for (let count = 1n; count <= 5n; count++) host.tick(count);
    await until(() => ticks.dropped === 3);
    expect((await ticks.next()).value).toEqual(new Lagged(3));
    expect((await ticks.next()).value).toEqual({ count: 4n });
    await session.close();
  });
});

it("limits and backoffs that can't be are refused", () => {
  expect(() => begun({ limits: { waitMs: 0 } })).toThrow("limit waitMs is 0, expected at least 1");
  expect(() => begun({ backoff: { jitter: 2 } })).toThrow("backoff jitter is 2, expected from 0 to 1");
});
