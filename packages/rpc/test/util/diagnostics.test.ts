import { channel as nodeChannel, tracingChannel } from "node:diagnostics_channel";
import { expect, it, vi } from "vitest";
import { type ClientCall, connect, RpcError } from "../../src/index.ts";
import { type Call, Server } from "../../src/server/index.ts";
import { memoryPair } from "../../src/testing/index.ts";
import { Echo, EchoTick } from "../helpers/echo.ts";

it("tells of connecting, of each call on both sides, of events and of ends to those who listen", async () => {
  const told: string[] = [];
  const stop = listen(told);
  const { server, client, echo } = await pair();
  await echo.say({ text: "hi", repeat: 1 });
  await expect(echo.say({ text: "hi", repeat: 17 })).rejects.toThrow("too many");
  await echo.watch();
  await client.close();
  await vi.waitFor(() => expect([...server.clients]).toEqual([]));
  stop();
  expect(told).toEqual([
    "client 1 opened",
    "connect",
    "client call ECHO_PROC_SAY",
    "server call ECHO_PROC_SAY",
    "client call ECHO_PROC_SAY",
    "server call ECHO_PROC_SAY",
    "server error too many",
    "client error too many",
    "client call ECHO_PROC_WATCH",
    "server call ECHO_PROC_WATCH",
    "event ECHO_PROC_TICK",
    "client closed: closed",
    "client 1 closed",
  ]);
});

it("is silent again when nobody listens any more", async () => {
  const told: string[] = [];
  listen(told)();
  const { echo } = await pair();
  await echo.say({ text: "hi", repeat: 1 });
  expect(told).toEqual([]);
});

it("does without where the runtime has no diagnostics channels", async () => {
  vi.stubGlobal("process", { ...process, getBuiltinModule: undefined });
  vi.resetModules();
  const { channel, operationChannel } = await import("../../src/util/diagnostics.ts");
  vi.unstubAllGlobals();
  expect(channel("virnet:any").hasSubscribers).toBe(false);
  channel("virnet:any").publish({});
  expect(await operationChannel("virnet:any").tracePromise(() => Promise.resolve("ret"), {})).toBe("ret");
});

async function pair() {
  const server = new Server({ name: "echo" }).add(Echo, {
    say({ text, repeat }) {
      if (repeat > 16) throw new RpcError("too many");
      return { lines: Array<string>(repeat).fill(text) };
    },
    watch: (_, { client }) => client.emit(EchoTick, { count: 1n }),
  });
  const [near, far] = memoryPair();
  server.accept(far);
  const client = await connect({ transport: near });
  return { server, client, echo: client.program(Echo) };
}

/** Notes what the channels say; returns what ends that. */
function listen(told: string[]): () => void {
  const plain = new Map<string, (message: unknown) => void>([
    ["virnet:server:client:opened", (message) => told.push(`client ${(message as Call).client.id} opened`)],
    ["virnet:server:client:closed", (message) => told.push(`client ${(message as Call).client.id} closed`)],
    ["virnet:server:event", (message) => told.push(`event ${(message as { type: { name: string } }).type.name}`)],
    [
      "virnet:client:closed",
      (message) => told.push(`client closed: ${(message as { error: { reason: string } }).error.reason}`),
    ],
  ]);
  const operations = (["client", "server"] as const).map((side) => ({
    channel: tracingChannel<ClientCall | Call, object>(`virnet:${side}:call`),
    handlers: {
      start: (call: object) => void told.push(`${side} call ${(call as Call).procedure.name}`),
      error: (call: object) => void told.push(`${side} error ${(call as { error: Error }).error.message}`),
    },
  }));
  const connecting = tracingChannel<object, object>("virnet:client:connect");
  const onConnect = { start: () => void told.push("connect") };
  for (const [name, note] of plain) nodeChannel(name).subscribe(note);
  for (const { channel, handlers } of operations) channel.subscribe(handlers as never);
  connecting.subscribe(onConnect as never);
  return () => {
    for (const [name, note] of plain) nodeChannel(name).unsubscribe(note);
    for (const { channel, handlers } of operations) channel.unsubscribe(handlers as never);
    connecting.unsubscribe(onConnect as never);
  };
}
