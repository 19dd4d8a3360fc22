import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { connect } from "../../src/connect.ts";
import { Server } from "../../src/server/server.ts";
import { pkiFiles } from "../../src/tls/credentials.ts";
import type { TlsServerOptions } from "../../src/transport/tls-server.ts";
import type { ConnectionError } from "../../src/util/connection-error.ts";
import { concat } from "../helpers/bytes.ts";
import { Echo } from "../helpers/echo.ts";
import { cutFrames, frame, numberedHeader } from "../helpers/frames.ts";
import { authority, leaf } from "../helpers/pki.ts";
import { pkiFolder } from "../helpers/pki-folder.ts";

const ca = authority();
const serverLeaf = leaf(ca, "server");
const clientLeaf = leaf(ca, "client");

async function serve(options: Partial<TlsServerOptions> = {}): Promise<{ port: number; refusals: string[] }> {
  const refusals: string[] = [];
  const server = new Server({ name: "tls" }).add(Echo, { say: ({ text }) => ({ lines: [text] }) });
  onTestFinished(() => server.close());
  const credentials = await pkiFiles(await pkiFolder("server", { ca: [ca], chain: [serverLeaf] }), "server");
  const onRefused = ({ message }: ConnectionError): void => void refusals.push(message.replace(/^\S+: /, ""));
  const { port = 0 } = await server.listen(
    { host: "127.0.0.1", port: 0 },
    { tls: { ...credentials, onRefused, ...options } },
  );
  return { port, refusals };
}

async function sayHello(port: number): Promise<string> {
  const credentials = await pkiFiles(await pkiFolder("client", { ca: [ca], chain: [clientLeaf] }), "client");
  await using client = await connect({ host: "127.0.0.1", port }, { tls: credentials });
  return (await client.program(Echo).say({ text: "hello", repeat: 1 })).lines.join();
}

/** A peer that is no client of ours. */
async function dial(port: number): Promise<net.Socket> {
  const socket = net.connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

const gone = (socket: net.Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.resume();
    if (socket.closed) resolve();
    else socket.once("close", () => resolve());
  });

describe("a server", () => {
  it("hangs up on what is no TLS", async () => {
    const { port, refusals } = await serve();
    const socket = await dial(port);
    socket.write("\0\0\0\x1c these are not the bytes of a ClientHello");
    await gone(socket);
    expect(refusals).toEqual([expect.stringContaining("the TLS handshake failed") as string]);
    expect(await sayHello(port)).toBe("hello");
  });

  it.each([1, 5, 40, 200])("survives a handshake that breaks off after %i bytes", async (size) => {
    const { port, refusals } = await serve();
    const socket = await dial(port);
    socket.write((await clientHello()).subarray(0, size));
    socket.end();
    await gone(socket);
    await expect.poll(() => refusals.length).toBe(1);
    expect(await sayHello(port)).toBe("hello");
  });

  it("gives a silent client its deadline and no more", async () => {
    const { port, refusals } = await serve({ handshakeMs: 100 });
    const socket = await dial(port);
    socket.write(await clientHello());
    await gone(socket);
    expect(refusals).toEqual(["no TLS handshake in 100 ms"]);
  });

  it("serves a good client while 200 others stall, and drops those who stall longest for it", async () => {
    const { port, refusals } = await serve({ handshakes: 32 });
    const hello = await clientHello();
    const stalled = await Promise.all(Array.from({ length: 200 }, () => dial(port)));
    for (const socket of stalled) socket.write(hello);
    expect(await sayHello(port)).toBe("hello");
    expect(refusals.length).toBeLessThanOrEqual(200);
    expect(new Set(refusals)).toEqual(new Set(["the handshake was slow, and others wait"]));
  });

  it("refuses to renegotiate", async () => {
    const { port } = await serve();
    const socket = tls.connect({
      host: "127.0.0.1",
      port,
      ca: ca.pem,
      cert: clientLeaf.pem,
      key: clientLeaf.keyPem,
      maxVersion: "TLSv1.2",
    });
    onTestFinished(() => void socket.destroy());
    const [byte] = (await once(socket, "data")) as [Buffer];
    expect([...byte]).toEqual([1]);
    const failed = new Promise((resolve) => {
      socket.on("error", resolve);
      socket.renegotiate({}, resolve);
    });
    expect(await failed).toMatchObject({ message: expect.stringMatching(/renegotiation/i) as string });
  });

  it.each(["TLSv1.2", "TLSv1.3"] as const)("resumes no session of %s, so nobody is let in unseen", async (version) => {
    const { port } = await serve();
    const open = async (session?: Buffer): Promise<{ isReused: boolean; session: Buffer | undefined }> => {
      const shown = { ca: ca.pem, cert: clientLeaf.pem, key: clientLeaf.keyPem, session };
      const socket = tls.connect({ host: "127.0.0.1", port, minVersion: version, maxVersion: version, ...shown });
      onTestFinished(() => void socket.destroy());
      await once(socket, "data");
      return { isReused: socket.isSessionReused(), session: socket.getSession() };
    };
    const { session } = await open();
    expect((await open(session)).isReused).toBe(false);
  });

  it("says nothing but the byte, and nothing at all to those it refuses", async () => {
    const { port, refusals } = await serve({ allowedDn: [] });
    const socket = tls.connect({ host: "127.0.0.1", port, ca: ca.pem, cert: clientLeaf.pem, key: clientLeaf.keyPem });
    onTestFinished(() => void socket.destroy());
    let heard = 0;
    socket.on("data", (chunk: Buffer) => {
      heard += chunk.length;
    });
    await once(socket, "end");
    expect(heard).toBe(0);
    expect(refusals).toEqual(["the client CN=client.test is not on the list of allowed names"]);
  });

  it("cuts off a refused client that does not hang up itself", async () => {
    const { port } = await serve({ allowedDn: [] });
    const socket = tls.connect({ host: "127.0.0.1", port, ca: ca.pem, cert: clientLeaf.pem, key: clientLeaf.keyPem });
    socket.on("error", () => {});
    socket.allowHalfOpen = true;
    await once(socket, "secureConnect");
    const nagging = setInterval(() => void socket.write("and another thing"), 20);
    await gone(socket);
    clearInterval(nagging);
    expect(socket.destroyed).toBe(true);
  });

  it("sends each message in a record of its own to a client that is not ours, as libvirt's overlooks a second one", async () => {
    const { port } = await serve();
    const identity = { ca: ca.pem, cert: clientLeaf.pem, key: clientLeaf.keyPem };
    const socket = tls.connect({ port, host: "127.0.0.1", ...identity, checkServerIdentity: () => undefined });
    onTestFinished(() => void socket.destroy());
    const [confirmation] = (await once(socket, "data")) as [Buffer];
    expect([...confirmation]).toEqual([1]);
    const records: number[] = [];
    socket.on("data", (chunk: Buffer) => records.push(cutFrames(chunk).frames.length));
    const serials = Array.from({ length: 40 }, (_, serial) => serial);
    socket.write(concat(...serials.map((serial) => frame(numberedHeader(serial)))));
    await expect.poll(() => records.length, { timeout: 8000 }).toBe(serials.length);
    expect(new Set(records)).toEqual(new Set([1]));
  });
});

describe("a client", () => {
  const lure = async (answer: (socket: tls.TLSSocket) => void): Promise<number> => {
    const server = tls.createServer(
      { ca: ca.pem, cert: serverLeaf.pem, key: serverLeaf.keyPem, requestCert: true },
      (socket) => {
        socket.on("error", () => {});
        answer(socket);
      },
    );
    onTestFinished(() => void server.close());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as net.AddressInfo).port;
  };
  const attempt = async (port: number, handshakeMs = 5000): Promise<string> => {
    const credentials = await pkiFiles(await pkiFolder("client", { ca: [ca], chain: [clientLeaf] }), "client");
    return connect({ host: "127.0.0.1", port }, { tls: { ...credentials, handshakeMs } }).then(
      async (client) => {
        await client.close();
        return "connected";
      },
      (error: unknown) => (error instanceof Error ? error.message : "no error"),
    );
  };

  it("takes the byte 1 alone for a yes", async () => {
    expect(await attempt(await lure((socket) => void socket.write("\x01")))).toBe("connected");
    expect(await attempt(await lure((socket) => void socket.write("\x00")))).toContain(
      "did not confirm our certificate (it sent 0)",
    );
    expect(await attempt(await lure((socket) => void socket.end()))).toContain("did not confirm our certificate;");
  });

  it("sends each message in a record of its own to a server that is not ours, as libvirtd overlooks a second one", async () => {
    const sizes: number[] = [];
    const port = await lure((socket) => {
      socket.on("data", (chunk: Buffer) => sizes.push(cutFrames(chunk).frames.length));
      socket.write("\x01");
    });
    const credentials = await pkiFiles(await pkiFolder("client", { ca: [ca], chain: [clientLeaf] }), "client");
    const client = await connect({ host: "127.0.0.1", port }, { tls: credentials });
    const say = (): Promise<unknown> => client.program(Echo).say({ text: "hello", repeat: 1 });
    const calls = Promise.allSettled(Array.from({ length: 40 }, say));
    await expect.poll(() => sizes.length, { timeout: 8000 }).toBe(40);
    expect(new Set(sizes)).toEqual(new Set([1]));
    await client.close();
    expect((await calls).every(({ status }) => status === "rejected")).toBe(true);
  });

  it("waits for it no longer than the deadline", async () => {
    expect(await attempt(await lure((socket) => onTestFinished(() => void socket.destroy())), 100)).toContain(
      "no confirmation of our certificate in 100 ms",
    );
  });

  it("waits for the handshake no longer either", async () => {
    const silent = net.createServer((socket) => onTestFinished(() => void socket.destroy()));
    onTestFinished(() => void silent.close());
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    expect(await attempt((silent.address() as net.AddressInfo).port, 100)).toContain("no TLS handshake in 100 ms");
  });

  it("says so where there is no TLS", async () => {
    const plain = net.createServer((socket) => socket.on("error", () => {}).end("220 welcome\r\n"));
    onTestFinished(() => void plain.close());
    plain.listen(0, "127.0.0.1");
    await once(plain, "listening");
    expect(await attempt((plain.address() as net.AddressInfo).port)).toContain("is this the TLS port?");
  });

  it("gives up when its signal says so", async () => {
    const port = await lure((socket) => onTestFinished(() => void socket.destroy()));
    const credentials = await pkiFiles(await pkiFolder("client", { ca: [ca], chain: [clientLeaf] }), "client");
    const reason = new Error("enough");
    const controller = new AbortController();
    const attempted = connect({ host: "127.0.0.1", port }, { tls: credentials, signal: controller.signal });
    setTimeout(() => controller.abort(reason), 50);
    await expect(attempted).rejects.toBe(reason);
  });

  it("won't use a server's credentials, nor a connection made before", async () => {
    const server = await pkiFiles(await pkiFolder("server", { ca: [ca], chain: [serverLeaf] }), "server");
    await expect(connect({ host: "127.0.0.1", port: 1 }, { tls: server })).rejects.toThrow(TypeError);
    const client = await pkiFiles(await pkiFolder("client", { ca: [ca], chain: [clientLeaf] }), "client");
    await expect(connect({ fd: 0 }, { tls: client })).rejects.toThrow(TypeError);
  });
});

/** The first bytes that Node's own client sends. */
async function clientHello(): Promise<Buffer> {
  const server = net.createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = tls.connect((server.address() as net.AddressInfo).port, "127.0.0.1");
  socket.on("error", () => {});
  const [peer] = (await once(server, "connection")) as [net.Socket];
  const [bytes] = (await once(peer, "data")) as [Buffer];
  socket.destroy();
  peer.destroy();
  server.close();
  return bytes;
}
