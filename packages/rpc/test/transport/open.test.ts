import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, assert, beforeEach, describe, expect, it } from "vitest";
import { openTransport } from "../../src/transport/open.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { spawnCompiled } from "../helpers/compiled.ts";
import { Heard, hear, text, written } from "../helpers/socket-peer.ts";
import { until } from "../helpers/turns.ts";

let folder = "";
const opened: { destroy: (error: ConnectionError) => void }[] = [];
const servers: net.Server[] = [];
const sockets = new Set<net.Socket>();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "virnet-open-"));
});

afterEach(async () => {
  for (const transport of opened.splice(0)) transport.destroy(new ConnectionError("the test is over", "closed"));
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => new Promise((fulfil) => server.close(fulfil))));
  await rm(folder, { recursive: true });
});

/** A server of Node's own; `talk` is given each connection. */
async function peer(at: net.ListenOptions, talk: (socket: net.Socket) => void = () => {}): Promise<net.Server> {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    talk(socket);
  });
  servers.push(server);
  server.listen(at);
  await once(server, "listening");
  return server;
}

const portOf = (server: net.Server): number => (server.address() as net.AddressInfo).port;

async function open(...parameters: Parameters<typeof openTransport>): Promise<Transport> {
  const transport = await openTransport(...parameters);
  opened.push(transport);
  return transport;
}

/** A port of the loopback that nobody listens on. */
async function deadPort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = portOf(server);
  await new Promise((fulfil) => server.close(fulfil));
  return port;
}

const echo = (socket: net.Socket): void => void socket.pipe(socket);

describe("a connection", () => {
  it.each(["/echo.sock", "@"])("to %s carries bytes both ways", async (name) => {
    const path = name === "@" ? `@virnet-test-${process.pid}` : folder + name;
    await peer({ path: path.replace("@", "\0") }, echo);
    const transport = await open({ path });
    const heard = new Heard(transport);
    expect(transport.remote).toEqual({ family: "unix", path });
    await written(transport, text("hello"));
    await until(() => heard.text === "hello");
    transport.end();
    expect(await heard.whenClosed()).toBeInstanceOf(ConnectionError);
  });

  it("to a port knows both ends", async () => {
    const server = await peer({ port: 0, host: "127.0.0.1" }, echo);
    const transport = await open({ host: "127.0.0.1", port: portOf(server) });
    expect(transport.remote).toEqual({ family: "ipv4", host: "127.0.0.1", port: portOf(server) });
    expect(transport.local).toMatchObject({ family: "ipv4", host: "127.0.0.1" });
  });

  it("without a host goes to localhost", async () => {
    const server = await peer({ port: 0, host: "localhost" }, echo);
    const transport = await open({ port: portOf(server) });
    expect(transport.remote).toMatchObject({ port: portOf(server) });
  });

  it("carries megabytes whole", async () => {
    const path = join(folder, "bulk.sock");
    await peer({ path }, echo);
    const transport = await open({ path });
    const heard = new Heard(transport);
    const bytes = Uint8Array.from({ length: 3_000_001 }, (_, i) => i % 251);
    await written(transport, bytes);
    await until(() => heard.bytes.length === bytes.length);
    expect(Buffer.compare(heard.bytes, bytes)).toBe(0);
  });

  it("keeps what comes before it is started", async () => {
    const path = join(folder, "early.sock");
    await peer({ path }, (socket) => void socket.write("early bird"));
    const transport = await open({ path });
    const [socket] = sockets;
    assert(socket !== undefined);
    await until(() => socket.writableLength === 0 && socket.bytesWritten === 10);
    const heard = new Heard(transport);
    await until(() => heard.text === "early bird");
  });

  it("stops reading while paused", async () => {
    const path = join(folder, "pause.sock");
    await peer({ path }, echo);
    const transport = await open({ path });
    const heard = new Heard(transport);
    transport.pause();
    await written(transport, text("held"));
    const [socket] = sockets;
    assert(socket !== undefined);
    await until(() => socket.bytesWritten === 4);
    expect(heard.text).toBe("");
    transport.resume();
    await until(() => heard.text === "held");
  });
});

describe("the end", () => {
  it("of the peer's half is told, and ours still writes", async () => {
    const path = join(folder, "half.sock");
    let got = "";
    await peer({ path }, (socket) => {
      socket.end("last words");
      socket.on("data", (chunk) => (got += chunk.toString()));
    });
    const transport = await open({ path });
    const heard = new Heard(transport);
    await until(() => heard.ended);
    expect(heard.text).toBe("last words");
    await written(transport, text("answer"));
    await until(() => got === "answer");
    transport.end();
    expect(await heard.whenClosed()).toMatchObject({ reason: "eof" });
    expect(heard.order).toEqual(["bytes", "ended", "closed"]);
  });

  it("of ours sends what was written first, and waits for no peer", async () => {
    const path = join(folder, "ours.sock");
    let got = 0;
    let over = false;
    await peer({ path }, (socket) => {
      socket.on("data", (chunk) => (got += chunk.length));
      socket.on("end", () => (over = true));
    });
    const transport = await open({ path });
    const heard = new Heard(transport);
    transport.write(new Uint8Array(2_000_000), () => {});
    transport.end();
    expect(await heard.whenClosed()).toMatchObject({ reason: "closed" });
    await until(() => over);
    expect(got).toBe(2_000_000);
  });

  it("by a reset of the peer is an eof with the system's word as its cause", async () => {
    const server = await peer({ port: 0, host: "127.0.0.1" }, (socket) =>
      socket.once("data", () => socket.resetAndDestroy()),
    );
    const transport = await open({ host: "127.0.0.1", port: portOf(server) });
    const heard = new Heard(transport);
    transport.write(text("?"), () => {});
    expect(await heard.whenClosed()).toMatchObject({
      reason: "eof",
      message: expect.stringContaining("the peer broke the connection off (ECONNRESET)"),
      cause: { code: "ECONNRESET" },
    });
  });

  it("by destroy is what destroy said, and every write is done with", async () => {
    const path = join(folder, "destroy.sock");
    await peer({ path }, (socket) => void socket.pause());
    const transport = await open({ path });
    const heard = new Heard(transport);
    const error = new ConnectionError("enough", "overflow");
    const writes = [written(transport, new Uint8Array(5_000_000)), written(transport, text("behind"))];
    transport.destroy(error);
    writes.push(written(transport, text("too late")));
    expect(await heard.whenClosed()).toBe(error);
    await Promise.all(writes);
    expect(heard.order).toEqual(["closed"]);
  });

  it("lets nothing be written after it; done is called, and what was written before still arrives", async () => {
    const path = join(folder, "after.sock");
    let got = 0;
    let over = false;
    await peer({ path }, (socket) => {
      socket.on("data", (chunk) => (got += chunk.length));
      socket.on("end", () => (over = true));
    });
    const transport = await open({ path });
    const heard = new Heard(transport);
    transport.write(new Uint8Array(2_000_000), () => {});
    transport.end();
    await written(transport, text("too late"));
    expect(await heard.whenClosed()).toMatchObject({ reason: "closed" });
    await until(() => over);
    expect(got).toBe(2_000_000);
  });
});

describe("nobody there", () => {
  it("on a port", async () => {
    const port = await deadPort();
    await expect(openTransport({ host: "127.0.0.1", port })).rejects.toMatchObject({
      name: "ConnectionError",
      reason: "error",
      message: `127.0.0.1:${port}: nobody listens there (ECONNREFUSED)`,
      cause: { code: "ECONNREFUSED" },
    });
  });

  it("on any address of a name: every failure is told", async () => {
    const port = await deadPort();
    const failure: unknown = await openTransport({ host: "localhost", port }).catch((error: unknown) => error);
    assert(failure instanceof ConnectionError);
    expect(failure.message).toContain("127.0.0.1");
    expect(failure.message).toContain("ECONNREFUSED");
  });

  it("at a path", async () => {
    const path = join(folder, "missing.sock");
    await expect(openTransport({ path })).rejects.toThrow(`${path}: no such socket (ENOENT)`);
    await writeFile(path, "a file");
    await expect(openTransport({ path })).rejects.toMatchObject({ reason: "error", cause: { code: "ECONNREFUSED" } });
    await expect(openTransport({ path: `@virnet-nobody-${process.pid}` })).rejects.toThrow("ECONNREFUSED");
  });

  it("by a name that is none", async () => {
    await expect(openTransport({ host: "no-such-host.localhost.invalid", port: 1 })).rejects.toMatchObject({
      name: "ConnectionError",
      reason: "error",
      message: expect.stringContaining("no-such-host.localhost.invalid: "),
    });
  });

  it("where no address can be", async () => {
    await expect(openTransport({ path: "x".repeat(108) })).rejects.toThrow(RangeError);
    await expect(openTransport({ path: "" })).rejects.toThrow(RangeError);
    await expect(openTransport({ host: "127.0.0.1", port: 65_536 })).rejects.toThrow(RangeError);
  });
});

describe("a signal", () => {
  const reason = new Error("changed my mind");

  it("that has aborted before stops everything", async () => {
    await expect(openTransport({ path: join(folder, "x") }, AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it.each(["127.0.0.1", "localhost"])(
    "that aborts right after the call to %s leaves no connection behind",
    async (host) => {
      const heard: string[] = [];
      const server = await peer({ port: 0, host }, (socket) => {
        heard.push("connection");
        socket.on("data", () => heard.push("data"));
      });
      const controller = new AbortController();
      const opening = openTransport({ host, port: portOf(server) }, controller.signal);
      controller.abort(reason);
      await expect(opening).rejects.toBe(reason);
      // A connection that had been left behind would be accepted before this one.
      const transport = await open({ host, port: portOf(server) });
      hear(transport);
      await written(transport, text("x"));
      await until(() => heard.includes("data"));
      expect(heard).toEqual(["connection", "data"]);
    },
  );

  it("that aborts while dialling leaves no connection behind", async () => {
    const path = join(folder, "dial.sock");
    const server = await peer({ path });
    const controller = new AbortController();
    const opening = openTransport({ path }, controller.signal);
    controller.abort(reason);
    await expect(opening).rejects.toBe(reason);
    await new Promise((fulfil) => server.close(fulfil));
    servers.length = 0;
  });

  it("that aborts later does nothing", async () => {
    const path = join(folder, "later.sock");
    await peer({ path }, echo);
    const controller = new AbortController();
    const transport = await open({ path }, controller.signal);
    const heard = new Heard(transport);
    controller.abort(reason);
    await written(transport, text("still here"));
    await until(() => heard.text === "still here");
  });
});

describe("a descriptor", () => {
  it("that was inherited is a transport", async () => {
    const child = spawnCompiled(
      `const { openTransport } = await load("transport/open.js");
       const transport = await openTransport({ fd: 3 });
       transport.start({
         receive: (chunk) => transport.write(chunk.slice(), () => {}),
         ended: () => transport.end(),
         closed() {},
       });`,
      ["ignore", "inherit", "inherit", "pipe"],
    );
    const pipe = child.stdio[3];
    assert(pipe instanceof net.Socket);
    const exit = once(child, "exit");
    pipe.write("through descriptor 3");
    const [chunk] = (await once(pipe, "data")) as [Buffer];
    expect(chunk.toString()).toBe("through descriptor 3");
    pipe.end();
    expect(await exit).toEqual([0, null]);
  });

  it("that is no socket is refused", async () => {
    await expect(openTransport({ fd: 9999 })).rejects.toBeInstanceOf(ConnectionError);
  });
});
