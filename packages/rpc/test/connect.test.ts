import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect } from "../src/connect.ts";
import { RpcError } from "../src/protocol/rpc-error.ts";
import { Server } from "../src/server/server.ts";
import { memoryPair } from "../src/transport/memory.ts";
import { Echo, EchoTick } from "./helpers/echo.ts";
import { until } from "./helpers/turns.ts";

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "virnet-connect-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

const echod = (): Server =>
  new Server({ name: "echod" }).add(Echo, {
    say({ text, repeat }) {
      if (repeat > 16) throw new RpcError("at most 16 lines", { code: 8 });
      return { lines: Array<string>(repeat).fill(text) };
    },
    watch: (_, { client }) => client.emit(EchoTick, { count: 1n }),
  });

describe.each([
  ["a UNIX socket", () => ({ path: join(folder, "echo.sock") })],
  ["an abstract socket", () => ({ path: `@virnet-connect-${process.pid}` })],
  ["TCP", () => ({ host: "127.0.0.1", port: 0 })],
])("over %s", (_, where) => {
  it("calls, errors, events and the end go as they should", async () => {
    const server = echod();
    const address = where();
    const service = await server.listen(address);
    const target = "path" in address ? address : { ...address, port: service.port ?? 0 };
    const client = await connect(target);
    const echo = client.program(Echo);
    const ticks = client.events(EchoTick);
    expect(await echo.say({ text: "hello", repeat: 3 })).toEqual({ lines: ["hello", "hello", "hello"] });
    await expect(echo.say({ text: "", repeat: 17 })).rejects.toMatchObject({ code: 8, message: "at most 16 lines" });
    const long = "long ".repeat(13_000);
    const all = await Promise.all(Array.from({ length: 100 }, () => echo.say({ text: long, repeat: 16 })));
    expect(all.every(({ lines }) => lines.length === 16 && lines.every((line) => line === long))).toBe(true);
    await echo.watch();
    expect(await ticks.next()).toEqual({ value: { count: 1n }, done: false });
    await server.close();
    expect(await client.closed).toMatchObject({ reason: "eof" });
  });

  it("a client's close is the server's eof", async () => {
    const server = echod();
    const address = where();
    const service = await server.listen(address);
    const target = "path" in address ? address : { ...address, port: service.port ?? 0 };
    {
      await using client = await connect(target);
      await client.program(Echo).watch();
    }
    await until(() => [...server.clients].length === 0);
    await server.close();
  });
});

describe("connect", () => {
  it("takes a transport of the caller's own", async () => {
    const [theirs, ours] = memoryPair();
    echod().accept(ours);
    const client = await connect({ transport: theirs });
    expect(await client.program(Echo).say({ text: "x", repeat: 1 })).toEqual({ lines: ["x"] });
  });

  it("with a signal that has aborted does nothing", async () => {
    const reason = new Error("no");
    const [transport] = memoryPair();
    await expect(connect({ transport }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it("with limits that are none is refused before anybody is called", async () => {
    const server = echod();
    const path = join(folder, "limits.sock");
    await server.listen({ path });
    await expect(connect({ path }, { limits: { frame: 1 } })).rejects.toThrow(RangeError);
    const client = await connect({ path });
    await client.program(Echo).watch();
    expect([...server.clients].map(({ id }) => id)).toEqual([1]);
    await server.close();
  });

  it("its signal covers the way to the client, not the client's life", async () => {
    const server = echod();
    const path = join(folder, "life.sock");
    await server.listen({ path });
    const controller = new AbortController();
    const client = await connect({ path }, { signal: controller.signal });
    controller.abort();
    expect(await client.program(Echo).say({ text: "alive", repeat: 1 })).toEqual({ lines: ["alive"] });
    await server.close();
  });
});
