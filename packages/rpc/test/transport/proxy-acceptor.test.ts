import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { Client } from "../../src/client/client.ts";
import { Server } from "../../src/server/server.ts";
import type { ServerClient } from "../../src/server/server-client.ts";
import type { ServiceOptions } from "../../src/server/service.ts";
import { pkiFiles } from "../../src/tls/credentials.ts";
import { readBuffer } from "../../src/transport/intake.ts";
import { acceptSocket } from "../../src/transport/node-socket.ts";
import type { ProxyProtocolOptions } from "../../src/transport/proxy-acceptor.ts";
import { openTls } from "../../src/transport/tls-client.ts";
import type { ConnectionError } from "../../src/util/connection-error.ts";
import { concat, split } from "../helpers/bytes.ts";
import { Echo } from "../helpers/echo.ts";
import { ping } from "../helpers/frames.ts";
import { authority, leaf } from "../helpers/pki.ts";
import { pkiFolder } from "../helpers/pki-folder.ts";
import { binaryHeader, tcp4Addresses, tcp4Ends, tlv } from "../helpers/proxy-header.ts";
import { text } from "../helpers/socket-peer.ts";
import { until } from "../helpers/turns.ts";

const line = text("PROXY TCP4 192.0.2.7 198.51.100.1 4660 16509\r\n");
const binary = binaryHeader(0x21, 0x11, concat(tcp4Addresses, tlv(4, new Uint8Array(500))));

interface Site {
  readonly server: Server;
  readonly port: number;
  readonly refusals: ConnectionError[];
  readonly seen: ServerClient[];
}

async function site(proxy: ProxyProtocolOptions = {}, more: ServiceOptions = {}): Promise<Site> {
  const seen: ServerClient[] = [];
  const refusals: ConnectionError[] = [];
  const server = new Server({ name: "proxied" }).add(Echo, {
    say: ({ text: said }, { client }) => {
      seen.push(client);
      return { lines: [said] };
    },
  });
  onTestFinished(() => server.close({ signal: AbortSignal.abort() }));
  const onRefused = (refusal: ConnectionError): void => void refusals.push(refusal);
  const options = { ...more, proxyProtocol: { onRefused, ...proxy } };
  const { port = 0 } = await server.listen({ host: "127.0.0.1", port: 0 }, options);
  return { server, port, refusals, seen };
}

async function dial(target: net.NetConnectOpts): Promise<net.Socket> {
  const socket = net.connect(target);
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  await new Promise((fulfil) => {
    socket.once("connect", fulfil);
  });
  return socket;
}

/** A client of ours behind a balancer that says `header`. */
async function through(header: Uint8Array, target: net.NetConnectOpts): Promise<Client> {
  const socket = await dial({ ...target, allowHalfOpen: true });
  socket.write(header);
  return new Client(acceptSocket(socket, readBuffer()));
}

const say = (client: Client): Promise<unknown> => client.program(Echo).say({ text: "hello", repeat: 1 });

describe("a service behind a balancer", () => {
  it.each([
    ["version 1", line],
    ["version 2", binary],
  ])("sees the client that the header of %s tells of", async (_, header) => {
    const { port, seen, refusals } = await site();
    const client = await through(header, { port, host: "127.0.0.1" });
    expect(await say(client)).toEqual({ lines: ["hello"] });
    expect(seen[0]).toMatchObject(tcp4Ends);
    expect(refusals).toEqual([]);
    await client.close();
  });

  it("loses nothing, whatever pieces header and calls come in", async () => {
    const { port } = await site();
    const bytes = concat(binary, ping, ping, ping);
    for (const cuts of [[], [1, 2, 3], [12], [16], [binary.length], [binary.length + 5], [15, 40, bytes.length - 1]]) {
      const socket = await dial({ port, host: "127.0.0.1", noDelay: true });
      let got = 0;
      socket.on("data", (chunk: Buffer) => (got += chunk.length));
      for (const piece of split(bytes, cuts)) {
        socket.write(piece);
        await new Promise((fulfil) => setTimeout(fulfil, 2));
      }
      await until(() => got === 3 * ping.length);
      socket.destroy();
    }
  });

  it("takes large messages right behind the header", async () => {
    const { port } = await site();
    const client = await through(line, { port, host: "127.0.0.1" });
    const said = "x".repeat(65_000);
    const all = Array.from({ length: 40 }, () => client.program(Echo).say({ text: said, repeat: 1 }));
    for (const { lines } of await Promise.all(all)) expect(lines[0] === said).toBe(true);
    await client.close();
  });

  it("speaks TLS after the header", async () => {
    const ca = authority();
    const own = await pkiFiles(await pkiFolder("server", { ca: [ca], chain: [leaf(ca, "server")] }), "server");
    const theirs = await pkiFiles(await pkiFolder("client", { ca: [ca], chain: [leaf(ca, "client")] }), "client");
    const { port, seen } = await site({}, { tls: own });
    const balancer = net.createServer((inner) => {
      const outer = net.connect(port, "127.0.0.1");
      outer.write(binary);
      inner
        .on("error", () => {})
        .pipe(outer)
        .on("error", () => {})
        .pipe(inner);
    });
    onTestFinished(() => void balancer.close());
    await new Promise<void>((fulfil) => {
      balancer.listen(0, "127.0.0.1", fulfil);
    });
    const { port: front } = balancer.address() as net.AddressInfo;
    const client = new Client(await openTls({ host: "127.0.0.1", port: front }, theirs));
    await say(client);
    expect(seen[0]).toMatchObject(tcp4Ends);
    expect(seen[0]?.identity.x509DistinguishedName).toContain("CN=");
    await client.close();
  });

  it("may listen on a UNIX socket, whose balancers are trusted as they reach it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "virnet-proxy-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const { server, seen } = await site();
    const path = join(folder, "s");
    await server.listen({ path }, { proxyProtocol: { trusted: [] } });
    const client = await through(line, { path });
    await say(client);
    expect(seen[0]).toMatchObject(tcp4Ends);
    await client.close();
  });
});

describe("a balancer's own connection", () => {
  it.each([
    ["no word", new Uint8Array(0)],
    ["LOCAL", binaryHeader(0x20, 0)],
    ["UNKNOWN", text("PROXY UNKNOWN\r\n")],
    ["its address by version 1", line],
    ["its address by version 2", binary],
  ])("with %s is a health check: no client, and no error", async (_, header) => {
    const { server, port, refusals } = await site();
    const socket = await dial({ port, host: "127.0.0.1" });
    socket.end(header);
    await new Promise((fulfil) => {
      socket.once("close", fulfil);
      socket.resume();
    });
    expect([...server.clients]).toEqual([]);
    expect(refusals).toEqual([]);
  });

  it("that speaks is a client with the balancer's address", async () => {
    const { port, seen } = await site();
    const client = await through(binaryHeader(0x20, 0), { port, host: "127.0.0.1" });
    await say(client);
    expect(seen[0]?.remote).toMatchObject({ family: "ipv4", host: "127.0.0.1" });
    expect(seen[0]?.local).toEqual({ family: "ipv4", host: "127.0.0.1", port });
    await client.close();
  });

  it("that stays and says nothing is a client after a while", async () => {
    const { server, port, refusals } = await site({ headerMs: 50 });
    const socket = await dial({ port, host: "127.0.0.1" });
    socket.write(line);
    await until(() => [...server.clients].length === 1);
    expect([...server.clients][0]).toMatchObject(tcp4Ends);
    expect(refusals).toEqual([]);
  });
});

describe("who is no balancer", () => {
  const refused = async (header: Uint8Array, options: ProxyProtocolOptions = {}, end = false): Promise<string> => {
    const { server, port, refusals } = await site(options);
    const socket = await dial({ port, host: "127.0.0.1" });
    socket.write(header);
    if (end) socket.end();
    socket.resume();
    await until(() => refusals.length === 1);
    await until(() => socket.closed);
    expect([...server.clients]).toEqual([]);
    return refusals[0]?.message ?? "";
  };

  it("is turned away: a libvirt client that came directly", async () => {
    expect(await refused(ping)).toMatch(/^127\.0\.0\.1:\d+: PROXY protocol: expected the header of a balancer/);
  });

  it("is turned away: a header that can be none", async () => {
    expect(await refused(binaryHeader(0x21, 0x12, tcp4Addresses))).toContain("expected a stream");
  });

  it("is turned away: half a header, and then the end", async () => {
    expect(await refused(line.subarray(0, 20), {}, true)).toContain("ended within the PROXY header");
  });

  it("is turned away: half a header, and then nothing", async () => {
    expect(await refused(binary.subarray(0, 100), { headerMs: 50 })).toContain("no PROXY header in 50 ms");
  });

  it("is turned away: an address that is not trusted, whatever it says", async () => {
    expect(await refused(line, { trusted: ["10.0.0.0/8", "::1"] })).toContain("not an address of a balancer");
  });

  it("is let in from a network that is trusted", async () => {
    for (const trusted of [["127.0.0.0/8"], ["10.0.0.1", "127.0.0.1"]]) {
      const { port, seen } = await site({ trusted });
      const client = await through(line, { port, host: "127.0.0.1" });
      await say(client);
      expect(seen[0]?.remote).toEqual(tcp4Ends.remote);
      await client.close();
    }
  });

  it("waits with at most a thousand others: the oldest goes", async () => {
    const { port, refusals } = await site();
    const sockets: net.Socket[] = [];
    for (let n = 0; n < 1001; n++) sockets.push(await dial({ port, host: "127.0.0.1" }));
    await until(() => refusals.length > 0);
    expect(refusals[0]).toMatchObject({ reason: "overflow" });
    await until(() => sockets[0]?.destroyed === true || sockets[0]?.readableEnded === true);
    const client = await through(line, { port, host: "127.0.0.1" });
    await say(client);
    await client.close();
  });
});

it("a service that closes ends those whose header is to come", async () => {
  const { server, port, refusals } = await site();
  const socket = await dial({ port, host: "127.0.0.1" });
  socket.write(line.subarray(0, 10));
  socket.resume();
  await server.close();
  await until(() => socket.closed);
  expect(refusals).toEqual([]);
});

it.each(["10.0.0.0/33", "10.0.0.0/", "example.org", "", "10.0.0.0/8/8", "::/129"])(
  "%j is no balancer",
  async (address) => {
    const server = new Server({ name: "proxied" });
    await expect(server.listen({ port: 0 }, { proxyProtocol: { trusted: [address] } })).rejects.toThrow(
      `trusted balancer ${JSON.stringify(address)}: expected an address or a network`,
    );
    await server.close();
  },
);
