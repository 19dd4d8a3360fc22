import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import type { ClientAuth } from "../../src/client/authenticate.ts";
import type { Client } from "../../src/client/client.ts";
import { connect } from "../../src/connect.ts";
import { builtinClient } from "../../src/sasl/builtin.ts";
import type { ScramName } from "../../src/sasl/scram-hash.ts";
import { scramKeys } from "../../src/sasl/scram-keys.ts";
import { type SaslServerOptions, saslServer } from "../../src/sasl/server-auth.ts";
import { Server } from "../../src/server/server.ts";
import type { ServerClient } from "../../src/server/server-client.ts";
import { pkiFiles } from "../../src/tls/credentials.ts";
import { Echo, EchoTick } from "../helpers/echo.ts";
import { layerClient, layerServer } from "../helpers/layer-mechanism.ts";
import { authority, leaf } from "../helpers/pki.ts";
import { pkiFolder } from "../helpers/pki-folder.ts";

const hashes: readonly ScramName[] = ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"];
const passwords = new Map([
  ["alice", "alice-secret"],
  ["mallory", "mallory-secret"],
]);

async function users(user: string) {
  const password = passwords.get(user);
  if (password === undefined) return null;
  return Promise.all(hashes.map((mechanism) => scramKeys(password, { mechanism, iterations: 4096 })));
}

const quick = { delayMs: 0 };
const alice = { user: "alice", password: "alice-secret" };

const cleaners: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const clean of cleaners.splice(0)) await clean();
});

type Transport = "unix" | "tcp" | "tls";

/** A server that demands a login, a way to it, and what it has seen. */
async function served(transport: Transport, options: SaslServerOptions) {
  const refusals: string[] = [];
  const callers: ServerClient[] = [];
  const server = new Server({ name: "echod" }).add(Echo, {
    say({ text, repeat }, { client }) {
      callers.push(client);
      return { lines: Array<string>(repeat).fill(text) };
    },
    watch: (_, { client }) => client.emit(EchoTick, { count: 1n }),
  });
  const auth = saslServer({ limits: quick, onRefused: ({ message }) => refusals.push(message), ...options });
  const folder = await mkdtemp(join(tmpdir(), "virnet-auth-"));
  cleaners.push(
    () => server.close(),
    () => rm(folder, { recursive: true }),
  );
  const ca = authority();
  const tls = async (role: "server" | "client") =>
    pkiFiles(await pkiFolder(role, { ca: [ca], chain: [leaf(ca, role)] }), role);
  const address = transport === "unix" ? { path: join(folder, "sock") } : { host: "127.0.0.1", port: 0 };
  const protection = transport === "tls" ? { tls: await tls("server") } : {};
  const { port = 0 } = await server.listen(address, { auth, ...protection });
  const open = async (given: ClientAuth): Promise<Client> => {
    const target = "path" in address ? address : { host: "localhost", port };
    const client = await connect(target, { auth: given, ...(transport === "tls" && { tls: await tls("client") }) });
    onTestFinished(() => client.close());
    return client;
  };
  return { server, open, refusals, callers, target: "path" in address ? address : { ...address, port } };
}

const hello = { text: "hello", repeat: 1 };

describe.each(["unix", "tls"] as const)("over %s", (transport) => {
  const plus = transport === "tls" ? hashes.map((name) => `${name}-PLUS`) : [];

  it.each([...hashes, "PLAIN", ...plus])("%s lets in who knows the password", async (mechanism) => {
    const { open, callers } = await served(transport, { users, mechanisms: [mechanism] });
    const client = await open(alice);
    expect(await client.program(Echo).say(hello)).toEqual({ lines: ["hello"] });
    expect(callers[0]?.identity.saslUserName).toBe("alice");
    expect(client.security?.protocol.startsWith("TLS") ?? false).toBe(transport === "tls");
  });

  it.each([
    ["a wrong password", { user: "alice", password: "something else" }],
    ["a stranger", { user: "stranger", password: "alice-secret" }],
    ["who is not in the list", { user: "mallory", password: "mallory-secret" }],
  ])("turns away %s, and says the same to all", async (_, auth) => {
    const { open, refusals, callers } = await served(transport, { users, allow: ["al*"] });
    for (const mechanism of ["SCRAM-SHA-256", "SCRAM-SHA-512"]) {
      await expect(open({ ...auth, mechanism })).rejects.toMatchObject({
        name: "RpcError",
        code: 45,
        domain: 7,
        message: "authentication failed: authentication failed",
      });
    }
    expect(refusals).toHaveLength(2);
    expect(refusals.join()).not.toContain(auth.password);
    expect(callers).toEqual([]);
  });

  it("takes the strongest by itself", async () => {
    const { open } = await served(transport, { users, mechanisms: ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-512"] });
    const asked: string[] = [];
    const ask: ClientAuth["ask"] = async ({ kind, mechanism }) => {
      asked.push(mechanism);
      return kind === "authname" ? "alice" : "alice-secret";
    };
    await open({ ask });
    expect([...new Set(asked)]).toEqual(["SCRAM-SHA-512"]);
    await open({ ask, mechanism: "PLAIN" });
    expect(new Set(asked)).toContain("PLAIN");
  });
});

describe("over TLS", () => {
  it("EXTERNAL lets in who has shown a certificate", async () => {
    const { open, callers } = await served("tls", { mechanisms: ["EXTERNAL"] });
    await (await open({})).program(Echo).say(hello);
    const [client] = callers;
    expect(client?.identity.saslUserName).toBe(client?.identity.x509DistinguishedName);
    expect(client?.identity.saslUserName).toMatch(/^.*CN=/);
  });

  it("EXTERNAL lets in nobody whose certificate only verify: false has let pass", async () => {
    const ca = authority();
    const forged = leaf(authority({ name: "Other CA" }), "client", { name: "alice" });
    const folder = await pkiFolder("server", { ca: [ca], chain: [leaf(ca, "server")] });
    const callers: ServerClient[] = [];
    await using server = new Server({ name: "echod" }).add(Echo, {
      say({ text }, { client }) {
        callers.push(client);
        return { lines: [text] };
      },
    });
    const tls = { ...(await pkiFiles(folder, "server")), verify: false };
    const open = async (options: SaslServerOptions, auth: ClientAuth): Promise<Client> => {
      const { port = 0 } = await server.listen({ host: "localhost", port: 0 }, { tls, auth: saslServer(options) });
      const shown = await pkiFiles(await pkiFolder("client", { ca: [ca], chain: [forged] }), "client", {
        sanity: false,
      });
      return connect({ host: "localhost", port }, { tls: shown, auth });
    };
    await expect(open({ mechanisms: ["EXTERNAL"], limits: quick }, {})).rejects.toMatchObject({ code: 45 });
    await using client = await open({ users }, alice);
    await client.program(Echo).say(hello);
    expect(callers[0]?.identity).toMatchObject({ x509DistinguishedName: null, saslUserName: "alice" });
    expect(callers[0]?.security?.peer).toMatchObject({ distinguishedName: "CN=alice", trusted: false });
  });
});

describe("over plain TCP", () => {
  it("offers no mechanism without a layer", async () => {
    const { open, refusals } = await served("tcp", { users });
    await expect(open(alice)).rejects.toMatchObject({ code: 45 });
    expect(refusals[0]).toMatch(/^127\.0\.0\.1:\d+: no mechanism does what the connection wants/);
  });

  it("unless the server does not mind, and then the client still does", async () => {
    const { open } = await served("tcp", { users, minSsf: 0 });
    await expect(open(alice)).rejects.toThrow("none of which encrypts, which plain TCP needs; use TLS");
    expect(await (await open({ ...alice, minSsf: 0 })).program(Echo).say(hello)).toEqual({ lines: ["hello"] });
  });

  it.each([1, 100, 65_536])("wraps all that follows in frames of %i bytes, both ways", async (maxPlain) => {
    const own = layerServer(128, maxPlain);
    const { open, callers, server } = await served("tcp", { providers: [own.provider] });
    const theirs = layerClient("alice", 128, maxPlain);
    const client = await open({ providers: [theirs.provider] });
    expect(client.security).toMatchObject({ encrypted: true, protocol: "SASL", cipher: "TEST-LAYER", ssf: 128 });
    const ticks = client.events(EchoTick);
    const echo = client.program(Echo);
    const text = "x".repeat(Math.min(50 * maxPlain, 50_000));
    const all = await Promise.all(Array.from({ length: 20 }, () => echo.say({ text, repeat: 5 })));
    expect(all.every(({ lines }) => lines.length === 5 && lines.every((line) => line === text))).toBe(true);
    await echo.watch();
    expect((await ticks.next()).value).toEqual({ count: 1n });
    expect(callers[0]?.security).toEqual(client.security);
    expect(own.layers[0]?.wrapped).toBeGreaterThan(0);
    await client.close();
    await server.close();
    expect([own.layers[0]?.closed, theirs.layers[0]?.closed]).toEqual([1, 1]);
  });

  it("refuses a layer that is too weak, on both sides", async () => {
    const weak = layerServer(40);
    const { open, refusals } = await served("tcp", { providers: [weak.provider] });
    await expect(open({ providers: [layerClient("alice").provider] })).rejects.toMatchObject({ code: 45 });
    expect(refusals[0]).toContain("a layer of 40 bits, expected at least 56");
    expect(weak.layers[0]?.closed).toBe(1);
    const strong = await served("tcp", { providers: [layerServer().provider] });
    const client = layerClient("alice", 40);
    const message = "authentication failed: TEST-LAYER has brought a layer of 40 bits, expected at least 56";
    await expect(strong.open({ providers: [client.provider] })).rejects.toMatchObject({ code: 45, message });
    expect(client.layers[0]?.closed).toBe(1);
  });
});

describe("what is demanded", () => {
  it("must be on offer", async () => {
    const { open } = await served("unix", { users, mechanisms: ["SCRAM-SHA-256"] });
    await expect(open({ ...alice, mechanism: "PLAIN" })).rejects.toThrow(
      "authentication failed: mechanism PLAIN is not on offer; the server has SCRAM-SHA-256",
    );
    await expect(open({ ...alice, type: "polkit" })).rejects.toThrow("the server wants sasl authentication");
  });

  it("is known, or told where to get", async () => {
    const { open } = await served("unix", { providers: [layerServer().provider] });
    await expect(open(alice)).rejects.toThrow(
      "the server has TEST-LAYER; mechanism TEST-LAYER is not built in: install @virnet/native",
    );
  });

  it("is nothing where the server wants nothing", async () => {
    const server = new Server({ name: "echod" }).add(Echo, { say: ({ text }) => ({ lines: [text] }) });
    cleaners.push(() => server.close());
    const { port = 0 } = await server.listen({ host: "127.0.0.1", port: 0 });
    const client = await connect({ host: "127.0.0.1", port }, { auth: alice });
    expect(await client.program(Echo).say(hello)).toEqual({ lines: ["hello"] });
    await client.close();
    const demanding = connect({ host: "127.0.0.1", port }, { auth: { ...alice, type: "sasl" } });
    await expect(demanding).rejects.toThrow("sasl is demanded, but the server wants no authentication");
  });
});

it("goes on to the next mechanism where the first lacks something, but not to ANONYMOUS", async () => {
  const { open, callers } = await served("tls", { users, mechanisms: ["SCRAM-SHA-256", "EXTERNAL", "ANONYMOUS"] });
  await (await open({})).program(Echo).say(hello);
  expect(callers[0]?.identity.saslUserName).toContain("CN=");
  const other = await served("unix", { users, mechanisms: ["SCRAM-SHA-256", "ANONYMOUS"] });
  await expect(other.open({})).rejects.toThrow("SCRAM-SHA-256 needs a user name, and none was given");
  await (await other.open({ mechanism: "ANONYMOUS" })).program(Echo).say(hello);
  expect(other.callers[0]?.identity.saslUserName).toBe("anonymous");
});

it("a client without auth is told to authenticate, and hears no events", async () => {
  const { server, target, open } = await served("unix", { users });
  await using stranger = await connect(target);
  await expect(stranger.program(Echo).say(hello)).rejects.toMatchObject({
    code: 39,
    message: "authentication required",
  });
  const ticks = stranger.events(EchoTick);
  const known = (await open(alice)).events(EchoTick);
  server.broadcast(EchoTick, { count: 7n });
  expect((await known.next()).value).toEqual({ count: 7n });
  await stranger.close();
  expect(await ticks.next()).toEqual({ value: undefined, done: true });
});

it("the signal ends a login that waits for a person", async () => {
  const { open, target } = await served("unix", { users });
  const abort = new AbortController();
  const ask = (): Promise<never> => {
    abort.abort(new Error("enough"));
    return new Promise(() => {});
  };
  await expect(connect(target, { auth: { ask }, signal: abort.signal })).rejects.toThrow("enough");
  expect(await (await open(alice)).program(Echo).say(hello)).toEqual({ lines: ["hello"] });
});

it("the list of what is built in is that of the mechanisms", async () => {
  const names = await builtinClient().mechanisms({
    service: "x",
    host: "x",
    local: "",
    remote: "",
    external: { ssf: 256, identity: null },
    minSsf: 0,
    maxSsf: 0,
    maxBuffer: 1,
    plaintext: true,
    anonymous: true,
    offered: [],
    ask: async () => null,
    channelBinding: () => new Uint8Array(1),
  });
  expect(names).toEqual([
    "SCRAM-SHA-512-PLUS",
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-512",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1",
    "EXTERNAL",
    "PLAIN",
    "ANONYMOUS",
  ]);
});
