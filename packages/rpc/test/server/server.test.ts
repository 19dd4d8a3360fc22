import { assert, describe, expect, it, vi } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { Handlers } from "../../src/server/handlers.ts";
import { Server, type ServerOptions } from "../../src/server/server.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { deferred } from "../../src/util/deferred.ts";
import { Echo, type EchoProcedures, EchoTick } from "../helpers/echo.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";
import { scripted } from "../helpers/scripted-peer.ts";
import { nextTurn } from "../helpers/turns.ts";

const echoing: Handlers<EchoProcedures> = {
  say: ({ text, repeat }) => ({ lines: Array<string>(repeat).fill(text) }),
};

const serverOf = (handlers: Handlers<EchoProcedures> = echoing, options: Partial<ServerOptions> = {}): Server =>
  new Server({ name: "echod", onHandlerError: () => {}, ...options }).add(Echo, handlers);

/** A client of `server` over memory. */
function join(server: Server) {
  const [theirs, ours] = memoryPair();
  const accepted = server.accept(ours);
  const client = new Client(theirs);
  return { client, accepted, echo: client.program(Echo) };
}

const outcome = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

describe("clients", () => {
  it("have ids from 1, never used again", async () => {
    const server = serverOf();
    const [first, second] = [join(server), join(server)];
    expect([first.accepted?.id, second.accepted?.id]).toEqual([1, 2]);
    await second.client.close();
    await second.accepted?.closed;
    expect(join(server).accepted?.id).toBe(3);
    expect([...server.clients].map(({ id }) => id)).toEqual([1, 3]);
  });

  it("beyond the limit are turned away until one leaves", async () => {
    const server = serverOf(echoing, { limits: { clients: 2 } });
    const [first] = [join(server), join(server)];
    const third = join(server);
    expect(third.accepted).toBeUndefined();
    expect(await third.client.closed).toMatchObject({ reason: "eof" });
    await first.client.close();
    await first.accepted?.closed;
    const fourth = join(server);
    expect(fourth.accepted?.id).toBe(3);
    expect(await fourth.echo.say({ text: "in", repeat: 1 })).toEqual({ lines: ["in"] });
  });

  it("talk to programs that were added after they came", async () => {
    const server = new Server({ name: "echod" });
    const { echo } = join(server);
    expect(await outcome(echo.watch())).toMatchObject({
      code: 39,
      message: expect.stringContaining("Cannot find program"),
    });
    server.add(Echo, echoing);
    expect(await echo.say({ text: "now", repeat: 1 })).toEqual({ lines: ["now"] });
    expect(await outcome(echo.watch())).toMatchObject({ code: 3, message: "unknown procedure: 3" });
  });
});

describe("broadcast", () => {
  it("reaches the clients that are wanted, all unless said", async () => {
    const server = serverOf();
    const all = [join(server), join(server), join(server)];
    const ticks = all.map(({ client }) => client.events(EchoTick));
    server.broadcast(EchoTick, { count: 2n }, ({ id }) => id === 2);
    server.broadcast(EchoTick, { count: 7n });
    const first = await Promise.all(ticks.map((stream) => stream.next()));
    expect(first.map(({ value }) => value?.count)).toEqual([7n, 2n, 7n]);
    expect(await ticks[1]?.next()).toMatchObject({ value: { count: 7n } });
  });

  it("passes over a client that has gone", async () => {
    const server = serverOf();
    const [gone, there] = [join(server), join(server)];
    const ticks = there.client.events(EchoTick);
    await gone.client.close();
    server.broadcast(EchoTick, { count: 1n });
    expect(await ticks.next()).toMatchObject({ value: { count: 1n } });
  });
});

describe("close", () => {
  it("answers the calls at hand, then closes every client", async () => {
    const answer = deferred<{ lines: string[] }>();
    const started = deferred<void>();
    const server = serverOf({
      wait() {
        started.resolve();
        return answer.promise;
      },
    });
    const [busy, idle] = [join(server), join(server)];
    const call = busy.echo.wait({ text: "", repeat: 1 });
    await started.promise;
    const closed = server.close();
    expect(await idle.client.closed).toMatchObject({ reason: "eof" });
    answer.resolve({ lines: ["done"] });
    expect(await call).toEqual({ lines: ["done"] });
    await closed;
    expect([...server.clients]).toEqual([]);
    expect(await busy.client.closed).toMatchObject({ reason: "eof" });
  });

  it("waits no longer than its signal, and the handlers' signals say why", async () => {
    const signals: AbortSignal[] = [];
    const started = deferred<void>();
    const server = serverOf({
      watch(_, { signal }) {
        signals.push(signal);
        started.resolve();
        return new Promise<void>(() => {});
      },
    });
    const { client, echo } = join(server);
    const call = outcome(echo.watch());
    await started.promise;
    const patience = new AbortController();
    const closed = server.close({ signal: patience.signal });
    patience.abort();
    await closed;
    expect(await call).toMatchObject({ reason: "eof" });
    expect(await client.closed).toMatchObject({ reason: "eof" });
    expect(signals[0]?.reason).toMatchObject({ message: "echod was closed", reason: "closed" });
  });

  it("is one wait for all who call it, and await using is one of them", async () => {
    const server = serverOf();
    expect(server.close()).toBe(server.close());
    await server.close();
    await server[Symbol.asyncDispose]();
  });

  it("turns newcomers away and listens no more", async () => {
    const server = serverOf();
    await server.close();
    expect(await join(server).client.closed).toMatchObject({ reason: "eof" });
    await expect(server.listen({ port: 0, host: "127.0.0.1" })).rejects.toMatchObject({
      reason: "closed",
      message: "echod is closed",
    });
  });

  it("started while listen is under way leaves no socket behind", async () => {
    const server = serverOf();
    const listening = outcome(server.listen({ port: 0, host: "127.0.0.1" }));
    await server.close();
    expect(await listening).toMatchObject({ reason: "closed" });
  });
});

describe("what nobody asked to be told", () => {
  it("goes to console.error, with the cause", async () => {
    const told = vi.spyOn(console, "error").mockImplementation(() => {});
    const bug = new Error("a bug");
    const server = new Server({ name: "echod" }).add(Echo, { watch: () => Promise.reject(bug) });
    await outcome(join(server).echo.watch());
    expect(told.mock.calls).toEqual([["ECHO_PROC_WATCH for client 1 failed:", bug]]);
    told.mockRestore();
  });
});

describe("one client", () => {
  it("may have ten thousand calls in flight, all answered", async () => {
    const { echo } = join(serverOf({ say: async ({ text }) => ({ lines: [text] }) }));
    const all = await Promise.all(Array.from({ length: 10_000 }, (_, i) => echo.say({ text: String(i), repeat: 1 })));
    expect(all.every(({ lines }, i) => lines[0] === String(i))).toBe(true);
  });

  it("that is refused is told nothing and costs nothing", async () => {
    const server = serverOf(echoing, { limits: { clients: 1 } });
    join(server);
    const refused = new FakeTransport();
    expect(server.accept(refused)).toBeUndefined();
    await nextTurn();
    expect(refused.writes).toEqual([]);
    expect(refused.destroyedWith).toMatchObject({ reason: "closed" });
  });

  it("that sends garbage ends alone", async () => {
    const server = serverOf();
    const { peer, transport } = scripted();
    const bad = server.accept(transport);
    const good = join(server);
    assert(bad !== undefined);
    peer.send(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
    expect(await bad.closed).toMatchObject({ reason: "protocol", message: expect.stringContaining("HTTP") });
    expect(await good.echo.say({ text: "fine", repeat: 1 })).toEqual({ lines: ["fine"] });
  });
});
