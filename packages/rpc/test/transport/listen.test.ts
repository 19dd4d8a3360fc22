import { once } from "node:events";
import { chmod, lstat, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import net from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, assert, beforeEach, describe, expect, it } from "vitest";
import { describeEndpoint } from "../../src/transport/address.ts";
import { readBuffer } from "../../src/transport/intake.ts";
import {
  admitPlain,
  type ListenAddress,
  type Listener,
  type ListenOptions,
  listen,
} from "../../src/transport/listen.ts";
import { acceptSocket, endpointsOf } from "../../src/transport/node-socket.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { spawnCompiled } from "../helpers/compiled.ts";
import { Heard, text } from "../helpers/socket-peer.ts";
import { until } from "../helpers/turns.ts";

let folder = "";
const listeners: Listener[] = [];
const accepted: { transport: Transport; heard: Heard }[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "virnet-listen-"));
});

afterEach(async () => {
  for (const { transport } of accepted.splice(0)) transport.destroy(new ConnectionError("the test is over", "closed"));
  await Promise.all(listeners.splice(0).map((listener) => listener.close()));
  await chmod(folder, 0o700);
  await rm(folder, { recursive: true });
});

const accept = (transport: Transport): void => void accepted.push({ transport, heard: new Heard(transport) });

async function listening(address: ListenAddress, options: Partial<ListenOptions> = {}): Promise<Listener[]> {
  const buffer = readBuffer();
  const all = {
    readBuffer: buffer,
    accept,
    admit: (socket: net.Socket) => accept(acceptSocket(socket, buffer)),
    error: (error: ConnectionError) => expect.unreachable(error.message),
    ...options,
  };
  const made = await listen(address, all);
  listeners.push(...made);
  return made;
}

const refused = (address: ListenAddress): Promise<unknown> => listening(address).catch((error: unknown) => error);

/** A connected socket of Node's own. */
async function dial(target: net.NetConnectOpts): Promise<net.Socket> {
  const socket = net.connect({ ...target, allowHalfOpen: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ family }) => family === "IPv6") === true);

const portOf = (listener: Listener | undefined): number => {
  assert(listener !== undefined && "port" in listener.endpoint);
  return listener.endpoint.port;
};

const mode = async (path: string): Promise<string> => ((await lstat(path)).mode & 0o777).toString(8);

describe("an entrance", () => {
  it("gets connections before they are sockets", async () => {
    const path = join(folder, "handles.sock");
    const admit = (): void => expect.unreachable("a socket was made");
    const [listener] = await listening({ path }, { ...admitPlain(accept), admit });
    const client = await dial({ path });
    client.write("hello");
    await until(() => accepted[0]?.heard.text === "hello");
    client.destroy();
    await listener?.close();
  });
});

describe("a UNIX socket", () => {
  it("takes clients, and its file goes with it", async () => {
    const path = join(folder, "echo.sock");
    const [listener] = await listening({ path });
    expect(listener?.endpoint).toEqual({ family: "unix", path });
    const client = await dial({ path });
    client.write("hello");
    await until(() => accepted[0]?.heard.text === "hello");
    expect(accepted[0]?.transport.remote.family).toBe("unix");
    client.destroy();
    await listener?.close();
    await expect(lstat(path)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("is its owner's alone unless said", async () => {
    const path = join(folder, "echo.sock");
    await listening({ path });
    expect(await mode(path)).toBe("600");
  });

  it.each([0o600, 0o660, 0o666, 0o777])("has the mode it is given, whatever the mask", async (wanted) => {
    const path = join(folder, "echo.sock");
    const before = process.umask(0o077);
    await listening({ path, mode: wanted });
    expect(process.umask(before)).toBe(0o077);
    expect(await mode(path)).toBe(wanted.toString(8));
  });

  it("leaves the mask of the process as it was when it fails, too", async () => {
    const before = process.umask();
    expect(await refused({ path: join(folder, "no", "such", "folder.sock") })).toMatchObject({ reason: "error" });
    expect(process.umask()).toBe(before);
  });

  it("belongs to the group that is named, by number or name", async () => {
    const gid = process.getgid?.() ?? 0;
    const [byNumber, byName] = [join(folder, "a.sock"), join(folder, "b.sock")];
    await listening({ path: byNumber, group: gid });
    expect((await lstat(byNumber)).gid).toBe(gid);
    const line = (await readFile("/etc/group", "utf8")).split("\n").find((one) => one.split(":")[2] === String(gid));
    await listening({ path: byName, group: line?.split(":")[0] ?? gid });
    expect((await lstat(byName)).gid).toBe(gid);
  });

  it("of an unknown group is refused, and leaves no file", async () => {
    const path = join(folder, "echo.sock");
    expect(await refused({ path, group: "no-such-group" })).toBeInstanceOf(TypeError);
    await expect(lstat(path)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("takes the place of a file that a dead server has left", async () => {
    const path = join(folder, "stale.sock");
    const killed = spawnCompiled(
      `(await import("node:net")).createServer().listen(${JSON.stringify(path)}, () => console.log("up"));`,
      ["ignore", "pipe", "inherit"],
    );
    assert(killed.stdout !== null);
    await once(killed.stdout, "data");
    killed.kill("SIGKILL");
    await once(killed, "exit");
    expect((await lstat(path)).isSocket()).toBe(true);
    await listening({ path });
    const client = await dial({ path });
    await until(() => accepted.length === 1);
    client.destroy();
  });

  it("refuses a path where another server listens, and does that one no harm", async () => {
    const path = join(folder, "taken.sock");
    await listening({ path });
    expect(await refused({ path })).toMatchObject({
      reason: "error",
      message: `${path}: another server listens there`,
    });
    const client = await dial({ path });
    client.write("still mine");
    await until(() => accepted.some(({ heard }) => heard.text === "still mine"));
    client.destroy();
  });

  it("refuses a path where there is anything else", async () => {
    const path = join(folder, "file");
    await writeFile(path, "precious");
    expect(await refused({ path })).toMatchObject({
      reason: "error",
      message: expect.stringContaining("not a socket"),
    });
    expect(await readFile(path, "utf8")).toBe("precious");
    const link = join(folder, "link");
    await symlink(path, link);
    expect(await refused({ path: link })).toMatchObject({ message: expect.stringContaining("not a socket") });
    expect(await refused({ path: folder })).toMatchObject({ message: expect.stringContaining("not a socket") });
  });

  it("whose path is too long or empty is refused", async () => {
    expect(await refused({ path: "x".repeat(108) })).toBeInstanceOf(RangeError);
    expect(await refused({ path: "" })).toBeInstanceOf(RangeError);
  });

  it("may be abstract, without a file", async () => {
    const path = `@virnet-listen-${process.pid}`;
    const [listener] = await listening({ path });
    expect(listener?.endpoint).toEqual({ family: "unix", path });
    const client = await dial({ path: path.replace("@", "\0") });
    await until(() => accepted.length === 1);
    client.destroy();
    expect(await refused({ path })).toMatchObject({ reason: "error", message: expect.stringContaining("EADDRINUSE") });
  });
});

describe("TCP", () => {
  it("without a host listens in every family this machine has, on one port", async () => {
    const made = await listening({ port: 0 });
    const families = made.map(({ endpoint }) => endpoint.family);
    expect(families).toEqual(hasIPv6 ? ["ipv4", "ipv6"] : families);
    expect(families).toContain("ipv4");
    expect(new Set(made.map(portOf)).size).toBe(1);
    const hosts = hasIPv6 ? ["127.0.0.1", "::1"] : ["127.0.0.1"];
    for (const [i, host] of hosts.entries()) {
      const client = await dial({ host, port: portOf(made[0]) });
      await until(() => accepted.length === i + 1);
      expect(accepted[i]?.transport.remote).toMatchObject({ family: host === "::1" ? "ipv6" : "ipv4", host });
      client.destroy();
    }
  });

  it.runIf(hasIPv6)("of IPv6 takes no IPv4 client: its port is free in the other family", async () => {
    const [six] = await listening({ host: "::", port: 0 });
    const [four] = await listening({ host: "0.0.0.0", port: portOf(six) });
    expect(four?.endpoint).toEqual({ family: "ipv4", host: "0.0.0.0", port: portOf(six) });
  });

  it("on a port that is taken is refused", async () => {
    const [first] = await listening({ host: "127.0.0.1", port: 0 });
    const port = portOf(first);
    expect(await refused({ host: "127.0.0.1", port })).toMatchObject({
      reason: "error",
      message: `127.0.0.1:${port}: address already in use (EADDRINUSE)`,
    });
  });

  it.runIf(hasIPv6)("with one family taken listens in the other", async () => {
    const [first] = await listening({ host: "0.0.0.0", port: 0 });
    const made = await listening({ port: portOf(first) });
    expect(made.map(({ endpoint }) => endpoint)).toEqual([{ family: "ipv6", host: "::", port: portOf(first) }]);
  });

  it("on an address of another machine is refused", async () => {
    expect(await refused({ host: "192.0.2.1", port: 0 })).toMatchObject({
      reason: "error",
      message: expect.stringContaining("EADDRNOTAVAIL"),
    });
  });

  it("on a name that is none, and on a port that is none, is refused", async () => {
    expect(await refused({ host: "no-such-host.localhost.invalid", port: 0 })).toBeInstanceOf(ConnectionError);
    expect(await refused({ port: 65_536 })).toBeInstanceOf(RangeError);
  });

  it("may be opened again at once after its clients were served", async () => {
    const [first] = await listening({ host: "127.0.0.1", port: 0 });
    const port = portOf(first);
    const client = await dial({ host: "127.0.0.1", port });
    await until(() => accepted.length === 1);
    accepted[0]?.transport.end();
    await accepted[0]?.heard.whenClosed();
    await first?.close();
    await listening({ host: "127.0.0.1", port });
    client.destroy();
  });

  it.each([-1, 0, 1])("takes a backlog of %d", async (backlog) => {
    const [listener] = await listening({ host: "127.0.0.1", port: 0 }, { backlog });
    const client = await dial({ host: "127.0.0.1", port: portOf(listener) });
    await until(() => accepted.length === 1);
    client.destroy();
  });
});

describe("an accepted connection", () => {
  it("carries bytes both ways, and the end of each half", async () => {
    const [listener] = await listening({ host: "127.0.0.1", port: 0 });
    const client = await dial({ host: "127.0.0.1", port: portOf(listener) });
    let got = "";
    client.on("data", (chunk: Buffer) => (got += chunk.toString()));
    client.end("call");
    await until(() => accepted[0]?.heard.ended === true);
    const [one] = accepted;
    assert(one !== undefined);
    expect(one.heard.text).toBe("call");
    one.transport.write(text("answer"), () => {});
    one.transport.end();
    await once(client, "end");
    expect(got).toBe("answer");
    expect(await one.heard.whenClosed()).toMatchObject({ reason: "eof" });
  });

  it("is told about a reset", async () => {
    const [listener] = await listening({ host: "127.0.0.1", port: 0 });
    const client = await dial({ host: "127.0.0.1", port: portOf(listener) });
    await until(() => accepted.length === 1);
    client.resetAndDestroy();
    expect(await accepted[0]?.heard.whenClosed()).toMatchObject({ reason: "eof", cause: { code: "ECONNRESET" } });
  });

  it("that was reset before it was looked at is still a TCP connection", async () => {
    const sockets: net.Socket[] = [];
    const admit = (socket: net.Socket): void => void sockets.push(socket);
    const [listener] = await listening({ host: "127.0.0.1", port: 0 }, { admit });
    const client = await dial({ host: "127.0.0.1", port: portOf(listener) });
    await until(() => sockets.length === 1);
    const [socket] = sockets;
    assert(socket !== undefined);
    const { _handle: handle } = socket as unknown as { _handle: { getpeername(into: object): number } };
    client.resetAndDestroy();
    await until(() => handle.getpeername({}) !== 0);
    const { local, remote } = endpointsOf(socket);
    expect(local).toEqual({ family: "ipv4", host: "127.0.0.1", port: portOf(listener) });
    expect(remote).toEqual({ family: "ipv4", host: "", port: 0 });
    expect(describeEndpoint(remote)).toBe("a peer that has gone");
    socket.destroy();
  });

  it("does not keep the listener from closing, and lives on", async () => {
    const path = join(folder, "echo.sock");
    const [listener] = await listening({ path });
    const client = await dial({ path });
    await until(() => accepted.length === 1);
    await listener?.close();
    client.write("are you there?");
    await until(() => accepted[0]?.heard.text === "are you there?");
    client.destroy();
  });

  it("of many has its own bytes, though all read into one buffer", async () => {
    const path = join(folder, "many.sock");
    await listening({ path });
    const clients = await Promise.all(Array.from({ length: 20 }, () => dial({ path })));
    for (const [i, client] of clients.entries()) client.write(`${i}:`.repeat(1000));
    await until(() => accepted.length === 20 && accepted.every(({ heard }) => heard.text.length >= 2000));
    await until(
      () => new Set(accepted.map(({ heard }) => heard.text)).size === 20 && total() === 10 * 2000 + 10 * 3000,
    );
    expect(accepted.map(({ heard }) => heard.text).toSorted()).toEqual(
      clients.map((_, i) => `${i}:`.repeat(1000)).toSorted(),
    );
    for (const client of clients) client.destroy();
  });
});

const total = (): number => accepted.reduce((sum, { heard }) => sum + heard.text.length, 0);

describe("a descriptor", () => {
  it("of a listening socket that was inherited takes clients", async () => {
    const server = net.createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as net.AddressInfo;
    // Node gives a server's descriptor to nobody but by its handle.
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
    const child = spawnCompiled(
      `const { listen } = await load("transport/listen.js");
       const accept = (transport) => transport.start({
         receive: (chunk) => transport.write(chunk.slice(), () => {}),
         ended: () => transport.end(),
         closed: () => process.exit(0),
       });
       const { acceptSocket } = await load("transport/node-socket.js");
       const readBuffer = new Uint8Array(65536);
       const admit = (socket) => accept(acceptSocket(socket, readBuffer));
       const [listener] = await listen({ fd: 3 }, { readBuffer, accept, admit, error() {} });
       console.log(JSON.stringify(listener.endpoint));`,
      ["ignore", "pipe", "inherit", fd],
    );
    assert(child.stdout !== null);
    const exit = once(child, "exit");
    const [said] = (await once(child.stdout, "data")) as [Buffer];
    expect(JSON.parse(said.toString())).toEqual({ family: "ipv4", host: "127.0.0.1", port });
    await new Promise((fulfil) => server.close(fulfil));
    const client = await dial({ host: "127.0.0.1", port });
    client.end("through descriptor 3");
    const [chunk] = (await once(client, "data")) as [Buffer];
    expect(chunk.toString()).toBe("through descriptor 3");
    expect(await exit).toEqual([0, null]);
  });

  it("that is none is refused", async () => {
    expect(await refused({ fd: 9999 })).toBeInstanceOf(ConnectionError);
  });
});
