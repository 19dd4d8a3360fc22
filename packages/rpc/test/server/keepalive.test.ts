import { afterEach, assert, beforeEach, describe, expect, it, vi } from "vitest";
import { Client } from "../../src/client/client.ts";
import { connect } from "../../src/connect.ts";
import { Server, type ServerOptions } from "../../src/server/server.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { deferred } from "../../src/util/deferred.ts";
import { Echo } from "../helpers/echo.ts";
import { ping } from "../helpers/frames.ts";
import { ScriptedPeer } from "../helpers/scripted-peer.ts";
import { Files } from "../helpers/stream-program.ts";

/*
 * Both roles at once: who is looked after, from when on, and that nobody is lost who lives.
 */

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
});

afterEach(() => {
  vi.useRealTimers();
});

function served(keepalive: ServerOptions["keepalive"] = { interval: 1000, count: 2 }) {
  const server = new Server({ name: "echod", keepalive: keepalive ?? {} }).add(Echo, {
    say: ({ text }) => ({ lines: [text] }),
  });
  const [ours, theirs] = memoryPair();
  const client = server.accept(theirs);
  assert(client !== undefined);
  return { client, transport: ours };
}

/** Time passes, and what is sent arrives. */
async function pass(ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 125) {
    await vi.advanceTimersByTimeAsync(125);
    for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("a server", () => {
  it("looks after a client from its first PING on, and not before", async () => {
    const { client, transport } = served();
    const peer = new ScriptedPeer(transport);
    await pass(10_000);
    expect(peer.inbox).toEqual([]);
    peer.send(ping);
    await pass(4000);
    expect(peer.inbox.map(({ header }) => header.procedure)).toEqual([2, 1, 1]);
    expect(await client.closed).toMatchObject({ reason: "keepalive" });
  });

  it("looks after one that says so by other means, when asked to by its handler only", async () => {
    const { client, transport } = served({ interval: 1000, count: 2, start: "request" });
    const peer = new ScriptedPeer(transport);
    peer.send(ping);
    await pass(10_000);
    expect(peer.inbox.map(({ header }) => header.procedure)).toEqual([2]);
    client.startKeepalive();
    client.startKeepalive();
    await pass(4000);
    expect(await client.closed).toMatchObject({ reason: "keepalive" });
  });

  it("that has keepalive off answers, and asks nobody", async () => {
    const { client, transport } = served(false);
    const peer = new ScriptedPeer(transport);
    peer.send(ping);
    client.startKeepalive();
    await pass(60_000);
    expect(peer.inbox.map(({ header }) => header.procedure)).toEqual([2]);
  });

  it.each([[{ interval: 1 }], [{ count: -1 }]])("refuses %j", (keepalive) => {
    expect(() => new Server({ name: "echod", keepalive })).toThrow(RangeError);
  });
});

describe("a server that is busy", () => {
  it("with all calls that it takes at a time keeps the client that waits, and is kept", async () => {
    const answer = deferred<void>();
    const server = new Server({
      name: "echod",
      limits: { clientRequests: 1 },
      keepalive: { interval: 1000, count: 2 },
    });
    server.add(Echo, {
      say: ({ text }) => ({ lines: [text] }),
      watch: () => answer.promise,
    });
    const [ours, theirs] = memoryPair();
    server.accept(theirs);
    await using client = await connect({ transport: ours }, { keepalive: { interval: 1000, count: 2 } });
    const echo = client.program(Echo);
    await pass(250);
    const calls = [echo.watch(), echo.say({ text: "at last", repeat: 1 })];
    await pass(60_000);
    answer.resolve();
    expect(await Promise.all(calls)).toEqual([undefined, { lines: ["at last"] }]);
  });

  it("with data that its handler does not read keeps the client that sends it, and is kept", async () => {
    const go = deferred<void>();
    let size = 0;
    const server = new Server({ name: "filesd", keepalive: { interval: 1000, count: 2 } }).add(Files, {
      async upload(_, { stream, accept }) {
        accept();
        await go.promise;
        await stream.drain((bytes) => {
          size += bytes.length;
        });
      },
    });
    const [ours, theirs] = memoryPair();
    server.accept(theirs);
    await using client = await connect({ transport: ours }, { keepalive: { interval: 1000, count: 2 } });
    await pass(250);
    const { stream } = await client.program(Files).upload({ name: "f" });
    const chunk = new Uint8Array(262_120);
    const sending = (async () => {
      for (let i = 0; i < 64; i++) await stream.write(chunk);
      await stream.finish();
    })();
    await pass(60_000);
    go.resolve();
    await sending;
    expect(size).toBe(64 * 262_120);
  });
});

describe("a client", () => {
  it("that does not read a download keeps the server that sends it, and is kept", async () => {
    const server = new Server({ name: "filesd", keepalive: { interval: 1000, count: 2 } }).add(Files, {
      async download(_, { stream }) {
        for (let i = 0; i < 64; i++) await stream.write(new Uint8Array(262_120));
      },
    });
    const [ours, theirs] = memoryPair();
    server.accept(theirs);
    await using client = await connect({ transport: ours }, { keepalive: { interval: 1000, count: 2 } });
    await pass(250);
    const { stream } = await client.program(Files).download({ name: "f" });
    await pass(60_000);
    let size = 0;
    await stream.drain((bytes) => {
      size += bytes.length;
    });
    expect(size).toBe(64 * 262_120);
  });

  it("that `connect` made announces itself, so that both look after each other", async () => {
    const { client, transport } = served();
    await using ours = await connect({ transport }, { keepalive: { interval: 1000, count: 20 } });
    await pass(60_000);
    expect(await ours.program(Echo).say({ text: "alive", repeat: 1 })).toEqual({ lines: ["alive"] });
    // The server has begun: a client that falls silent now is given up.
    transport.write = (_, done) => queueMicrotask(done);
    await pass(4000);
    expect(await client.closed).toMatchObject({ reason: "keepalive" });
  });

  it("ends every wait when the server is silent", async () => {
    const [transport, other] = memoryPair();
    other.start({ receive() {}, ended() {}, closed() {} });
    const client = await connect({ transport }, { keepalive: { interval: 1000, count: 2 } });
    const failure = client
      .program(Echo)
      .say({ text: "anybody?", repeat: 1 })
      .catch((error: unknown) => error);
    await pass(4000);
    expect(await failure).toMatchObject({ name: "ConnectionError", reason: "keepalive" });
    expect(await client.closed).toMatchObject({ reason: "keepalive" });
  });

  it("made by hand begins when it is told to, and says nothing with `false`", async () => {
    const [transport, other] = memoryPair();
    const peer = new ScriptedPeer(other);
    const client = new Client(transport, { keepalive: false });
    await pass(10_000);
    expect(peer.inbox).toEqual([]);
    client.startKeepalive({ interval: 1000, count: 0 });
    await pass(1250);
    expect(await client.closed).toMatchObject({ reason: "keepalive" });
    expect(peer.inbox).toEqual([]);
  });

  it("is not made with options that can't be", async () => {
    const [transport] = memoryPair();
    await expect(connect({ transport }, { keepalive: { interval: 0 } })).rejects.toThrow(RangeError);
    expect(() => new Client(transport, { keepalive: { count: 0.5 } })).toThrow(RangeError);
  });
});
